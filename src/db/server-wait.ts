/** Since when somebody waits for PostgreSQL to answer: the heartbeat has a look where that is for too long. */
export class ServerWait {
  #since: number | null = null;

  /** By performance.now(); null while nothing is waited for. */
  get since(): number | null {
    return this.#since;
  }

  async during<T>(answer: Promise<T>): Promise<T> {
    this.#since = performance.now();
    try {
      return await answer;
    } finally {
      this.#since = null;
    }
  }
}
