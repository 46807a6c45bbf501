import { type Database, storeAll } from "./database.ts";

/**
 * Brings what was committed into the store. Who asks while one is on its way joins the next, so that frames share one; on
 * IndexedDB, where each writes whole files, there is at most one a second, but for a write that somebody waits for.
 */
export class Storing {
  readonly #pg: Database;
  readonly #pauseMs: number;
  #next: Promise<void> | null = null;
  #running: Promise<void> = Promise.resolve();
  #lastAt = Number.NEGATIVE_INFINITY;
  #isUrgent = false;
  #hurry = () => {};

  constructor(pg: Database, pauseMs: number) {
    this.#pg = pg;
    this.#pauseMs = pauseMs;
  }

  /** Resolves when what was committed before the call is stored. */
  async now(): Promise<void> {
    // Of one that does not wait yet, too.
    this.#isUrgent = true;
    const stored = this.soon();
    this.#hurry();
    return stored;
  }

  /** As `now`, in its time. */
  soon(): Promise<void> {
    this.#next ??= this.#running.then(() => this.#store());
    return this.#next;
  }

  async #store(): Promise<void> {
    const pause = this.#lastAt + this.#pauseMs - performance.now();
    if (pause > 0 && !this.#isUrgent) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pause);
        this.#hurry = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    // From here on what is committed may come too late for this one.
    const stored = storeAll(this.#pg);
    this.#hurry = () => {};
    this.#isUrgent = false;
    this.#next = null;
    this.#running = stored.catch(() => {});
    await stored;
    this.#lastAt = performance.now();
  }
}
