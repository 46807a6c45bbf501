import { type ProxiedConnection, TcpProxy } from "../tcp-proxy.ts";
import { TestGateway } from "./gateway.ts";

/** A gateway that PostgreSQL's notifications do not reach: it learns of all by looking. */
export async function startDeafGateway(
  databaseUrl: string,
): Promise<AsyncDisposable & { readonly url: string }> {
  await using stack = new AsyncDisposableStack();
  const proxy = stack.use(await TcpProxy.toPostgres(databaseUrl));
  const listening = new WeakSet<ProxiedConnection>();
  proxy.watch = (connection, direction, bytes) => {
    if (direction === "up") return;
    // Behind the answer to LISTEN nothing comes but what is told to listeners.
    if (listening.has(connection)) connection.stalled.add("down");
    if (bytes.includes("LISTEN\0")) listening.add(connection);
  };
  const { url } = stack.use(await TestGateway.start(proxy.url(databaseUrl)));
  const kept = stack.move();
  return { url, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
