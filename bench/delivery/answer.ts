/** For programs: answers each order with what `work` returns. */
export function answer<Order>(work: (order: Order) => Promise<object>): void {
  process.on("message", (order) => {
    work(order as Order).then(
      (found) => process.send!(found),
      (error: unknown) => process.send!({ error: String((error as Error).stack ?? error) }),
    );
  });
  process.on("disconnect", () => process.exit(0));
}
