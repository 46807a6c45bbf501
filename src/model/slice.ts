/** Milliseconds of work on one message before others have their turn: heartbeats, the other streams. */
const SLICE_MS = 20;

/** Tells when work that could go on should make room for what waits. */
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
