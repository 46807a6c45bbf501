/**
 * A condition variable: something changes, and others wait for that. Whoever looks and finds nothing takes `next`
 * at once, before anything else can happen, so no change is missed.
 */
export class Condition {
  /** Null while nobody waits. */
  #next: PromiseWithResolvers<void> | null = null;

  /** Resolves at the next change. */
  get next(): Promise<void> {
    this.#next ??= Promise.withResolvers();
    return this.#next.promise;
  }

  notifyAll(): void {
    this.#next?.resolve();
    this.#next = null;
  }
}
