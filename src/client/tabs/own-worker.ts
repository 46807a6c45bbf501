import type { WorkerLike } from "../api.ts";
import type { FromWorker, Place, ToWorker } from "./messages.ts";
import { unpackError } from "./packed-error.ts";

const AGAIN_AFTER_MS = 1_000;
const STOPPED_WITHIN_MS = 5_000;

/** The worker of a tab: started anew should it end, which a worker does without a word. */
export class OwnWorker {
  readonly #start: () => WorkerLike;
  #place: Omit<Place, "alive">;
  readonly #unavailable: (error: unknown) => void;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #watching = new AbortController();
  #worker: WorkerLike | null = null;
  #count = 0;

  constructor(start: () => WorkerLike, place: Omit<Place, "alive">, unavailable: (error: unknown) => void) {
    this.#start = start;
    this.#place = place;
    this.#unavailable = unavailable;
  }

  /** If it has the store, that is closed before. */
  async stop(): Promise<void> {
    this.#watching.abort();
    if (this.#worker === null) return;
    const late = setTimeout(() => this.#stopped.resolve(), STOPPED_WITHIN_MS);
    this.#say({ t: "stop" });
    await this.#stopped.promise;
    clearTimeout(late);
    this.#worker.terminate();
  }

  /** What was chosen for a store that cannot be opened is chosen for that one time. */
  joined(): void {
    this.#place = { ...this.#place, reset: false };
    this.#say({ t: "joined" });
  }

  begin(): void {
    if (this.#watching.signal.aborted) return;
    const alive = `ampsync:worker:${this.#place.tab}:${++this.#count}`;
    let worker: WorkerLike;
    try {
      worker = this.#start();
    } catch (error) {
      this.#unavailable(error);
      return;
    }
    this.#worker = worker;
    worker.addEventListener("message", ({ data }) => {
      const told = data as FromWorker;
      if (told.t === "begun") this.#watch(alive);
      else if (told.t === "stopped") this.#stopped.resolve();
      else this.#unavailable(unpackError(told.error));
    });
    worker.addEventListener("error", ({ message }: { readonly message?: string }) =>
      this.#unavailable(
        new Error(`the worker of this tab failed: ${message ?? "its module was not loaded"}`),
      ),
    );
    this.#say({ t: "begin", place: { ...this.#place, alive } });
    this.#place = { ...this.#place, reset: false };
  }

  /** The worker holds this lock while it lives. */
  #watch(alive: string): void {
    const { signal } = this.#watching;
    navigator.locks
      .request(alive, { signal }, () => {})
      .then(
        () => setTimeout(() => !signal.aborted && this.begin(), AGAIN_AFTER_MS),
        () => {},
      );
  }

  #say(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }
}
