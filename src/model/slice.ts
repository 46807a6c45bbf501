/** Milliseconds of work on one message before other work gets its turn: heartbeats, the other streams. */
const SLICE_MS = 20;

/** Says when long work should pause for other work that waits. */
export class Slice {
  #begunAt = performance.now();

  get elapsedMs(): number {
    return performance.now() - this.#begunAt;
  }

  get isOver(): boolean {
    return this.elapsedMs >= SLICE_MS;
  }

  begin(): void {
    this.#begunAt = performance.now();
  }
}
