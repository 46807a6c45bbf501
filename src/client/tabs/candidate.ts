import type { Extensions } from "@electric-sql/pglite";

import { handlesReleased } from "../handles.ts";
import { Channel } from "./channel.ts";
import { Leader } from "./leader.ts";
import { type Common, commonChannel, type FromWorker, leaderLock, type Place } from "./messages.ts";
import { packError } from "./packed-error.ts";

/** Tabs that wait for a store to be opened hear so often that it still is. */
const STILL_OPENING_MS = 2_000;
/** Then they give it up: an opening may never come back. */
const OPENED_WITHIN_MS = 120_000;
const AGAIN_AFTER_MS = 30_000;

/** A tab's worker: waits for the lock of the store, and leads while it has it. The lock is never stolen. */
export class Candidate {
  readonly #place: Place;
  readonly #extensions: Extensions;
  readonly #tell: (message: FromWorker) => void;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #reset: boolean;

  constructor(place: Place, extensions: Extensions, tell: (message: FromWorker) => void) {
    this.#place = place;
    this.#extensions = extensions;
    this.#tell = tell;
    this.#reset = place.reset ?? false;
    // Held for as long as this thread lives: who asks for it hears of its end.
    void navigator.locks.request(place.alive, () => {
      tell({ t: "begun" });
      return new Promise(() => {});
    });
    this.#ended = this.#run();
  }

  /** The tab has a leader: whatever this worker opens later is never made anew. */
  joined(): void {
    this.#reset = false;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    this.#tell({ t: "stopped" });
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await navigator.locks.request(leaderLock(this.#place.store), { signal }, () => this.#lead());
      } catch (error) {
        if (signal.aborted) return;
        this.#tell({ t: "unavailable", error: packError(error) });
        // Others may have more luck with it; so may this one, later.
        await until(signal, AGAIN_AFTER_MS);
      }
    }
  }

  async #lead(): Promise<void> {
    const leader = await this.#open();
    await until(this.#stop.signal, null);
    await leader.close();
  }

  async #open(): Promise<Leader> {
    const { store } = this.#place;
    const common = new Channel<Common, Common>(commonChannel(store), () => {});
    const since = performance.now();
    const say = () => performance.now() - since < OPENED_WITHIN_MS && common.say({ t: "opening" });
    const again = setInterval(say, STILL_OPENING_MS);
    say();
    try {
      if (!/^[a-z-]+:\/\//.test(store) || store.startsWith("opfs-ahp://")) {
        await handlesReleased(store.replace(/^opfs-ahp:\/\//, ""));
      }
      const reset = this.#reset;
      this.#reset = false;
      return await Leader.open({ ...this.#place, reset }, this.#extensions);
    } finally {
      clearInterval(again);
      common.close();
    }
  }
}

/** Resolves when it is to stop, or after that time. */
function until(signal: AbortSignal, ms: number | null): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = ms === null ? undefined : setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
