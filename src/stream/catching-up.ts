import type { Permits } from "../model/permits.ts";

/**
 * A connection's place among those that catch up. They are few at a time: each has messages on their way and in
 * memory, however slowly they are written. It is given back when the stream has come to its head, or waits for the
 * server; from then on little comes at once.
 */
export class CatchingUp implements Disposable {
  readonly #places: Permits;
  readonly #idleMs: number;
  #place: Disposable | null;
  readonly #since = performance.now();
  #idle: NodeJS.Timeout | undefined;

  private constructor(places: Permits, idleMs: number, place: Disposable) {
    this.#places = places;
    this.#idleMs = idleMs;
    this.#place = place;
  }

  /** Waits for a place. */
  static async begin(places: Permits, idleMs: number, signal: AbortSignal): Promise<CatchingUp> {
    return new CatchingUp(places, idleMs, await places.take(signal));
  }

  /** The stream waits for the server. */
  waits(): void {
    if (this.#place !== null) this.#idle = setTimeout(() => this.end(), this.#idleMs);
  }

  /** The server sent something. */
  hears(): void {
    clearTimeout(this.#idle);
  }

  /** Whether others have waited while this stream had its place for as long as a turn lasts. */
  isTurnOver(turnMs: number): boolean {
    return this.#place !== null && this.#places.isWanted && performance.now() - this.#since >= turnMs;
  }

  end(): void {
    clearTimeout(this.#idle);
    this.#place?.[Symbol.dispose]();
    this.#place = null;
  }

  [Symbol.dispose](): void {
    this.end();
  }
}
