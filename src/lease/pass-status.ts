import type { LeaseCalls } from "../db/lease-calls.ts";
import { ServerWait } from "../db/server-wait.ts";
import type { StreamLease } from "../db/stream-calls.ts";
import type { LeaseHolder } from "./heartbeat.ts";

/** What admits a limited number of holders. */
interface Admits {
  take(signal: AbortSignal): Promise<Disposable>;
}

/** What a pass shows of itself while it runs: each heartbeat tells it to the database. */
export class PassStatus implements LeaseHolder {
  readonly streamId: bigint;
  readonly epoch: bigint;
  readonly onVerdict: LeaseHolder["onVerdict"];
  readonly onState: LeaseHolder["onState"];
  head: LeaseHolder["head"] = null;
  readonly writerWait = new ServerWait();
  holds: boolean | null;
  /** When the server last sent something, by performance.now(). */
  heardAt = performance.now();
  readonly #leases: LeaseCalls;
  /** The last worker left its lease behind, and nothing was committed since. */
  #isWatched: boolean;
  #toldHolds = false;
  #sourceWait: LeaseHolder["waits"] = null;
  #permitWait: LeaseHolder["waits"] = null;

  constructor(
    { streamId, epoch, watched }: StreamLease,
    leases: LeaseCalls,
    { onVerdict, onState }: Pick<LeaseHolder, "onVerdict" | "onState">,
  ) {
    this.streamId = streamId;
    this.epoch = epoch;
    this.holds = watched ? null : false;
    this.#leases = leases;
    this.#isWatched = watched;
    this.onVerdict = onVerdict;
    this.onState = onState;
  }

  get waits(): LeaseHolder["waits"] {
    return this.#permitWait ?? this.#sourceWait;
  }

  /** What the pass waits for besides its writer; null: it works. */
  waitsFor(what: "turn" | "plan" | "server" | "limit" | null): void {
    this.#sourceWait = what === null ? null : { for: what, since: performance.now() };
  }

  /** The same permits; waiting for one is shown. */
  shown(permits: Admits): Admits {
    return {
      take: async (signal) => {
        this.#permitWait = { for: "permit", since: performance.now() };
        try {
          return await permits.take(signal);
        } finally {
          this.#permitWait = null;
        }
      },
    };
  }

  /** The server sent something, and the pass works on it. */
  heard(): void {
    this.waitsFor(null);
    this.heardAt = performance.now();
  }

  /**
   * Shows whether data is held that is not committed. Where the last worker left its lease behind, the database
   * is told before the data is looked at: it may be what ended that worker, and may end this one.
   */
  async showHolds(holds: boolean): Promise<void> {
    if (!this.#isWatched) {
      this.holds = holds;
    } else if (holds !== this.#toldHolds) {
      this.#toldHolds = holds;
      await this.#leases.noteHolding(this, holds);
    }
  }

  /** What came after the checkpoint did no harm. */
  committed(stillHolds: boolean): void {
    this.#isWatched = false;
    this.holds = stillHolds;
  }
}
