/** Something that others wait for. Whoever looks and finds nothing takes `next` before anything else can happen. */
export class Change {
  /** Null while nobody waits. */
  #next: PromiseWithResolvers<void> | null = null;

  /** Resolves when it is told next. */
  get next(): Promise<void> {
    this.#next ??= Promise.withResolvers();
    return this.#next.promise;
  }

  tell(): void {
    this.#next?.resolve();
    this.#next = null;
  }
}
