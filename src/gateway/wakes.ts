/** Something that may have happened: those who wait for it look again. */
export class Wakes {
  #waiting = new Set<() => void>();

  wake(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const resume of waiting) resume();
  }

  /** Resolves at the next call of wake, or after so many milliseconds: a call may be lost, such as a notification. */
  next(mostMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, mostMs);
    this.#waiting.add(resolve);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(resolve);
    });
  }
}
