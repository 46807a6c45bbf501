/** When waiting for an answer of PostgreSQL began: the heartbeat checks on a writer that waits too long. */
export class ServerWait {
  #since: number | null = null;

  /** By performance.now(); null while nothing waits. */
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
