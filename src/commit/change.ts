/** Something that others wait for. Whoever looks and finds nothing takes `next` before anything else can happen. */
export class Change {
  #next = Promise.withResolvers<void>();

  /** Resolves when it is told next. */
  get next(): Promise<void> {
    return this.#next.promise;
  }

  tell(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }
}
