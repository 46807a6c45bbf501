/** Something that takes long and that many ask for: it runs once at a time, for all who asked before it began. */
export class SharedWait<T> {
  readonly #work: () => Promise<T>;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<T> | null = null;

  constructor(work: () => Promise<T>) {
    this.#work = work;
  }

  /** Resolves to the result of a run that began after this call. */
  ask(): Promise<T> {
    this.#next ??= this.#after(this.#running);
    return this.#next;
  }

  async #after(running: Promise<unknown>): Promise<T> {
    await running;
    this.#next = null;
    const result = this.#work();
    this.#running = result.catch(() => {});
    return await result;
  }
}
