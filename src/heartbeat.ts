import type { Calls, Held, Verdict } from "./db/calls.ts";
import type { Log } from "./log.ts";
import { HEARTBEAT_MS } from "./model/limits.ts";

/** One lease as its pass keeps it. */
export interface HeldLease {
  readonly streamId: bigint;
  readonly epoch: bigint;
  /** Newest block known to the server, for ampsync.streams; null while unknown. */
  head: bigint | null;
  /** Called with every verdict but `keep`. */
  onVerdict: (verdict: Exclude<Verdict, "keep">) => void;
}

/**
 * Renews every lease of this process in one call, on a connection of its own, so
 * that no writing can hold it up. It keeps going between passes too: it is what
 * tells the supervisor that this worker is alive.
 */
export class Heartbeat {
  readonly #calls: Calls;
  readonly #log: Log;
  readonly #leases = new Map<bigint, HeldLease>();
  #workerId: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #lastBeat: Promise<void> = Promise.resolve();

  constructor(calls: Calls, log: Log) {
    this.#calls = calls;
    this.#log = log;
  }

  /** Says which worker this is, at each of its jobs; the first one starts the heartbeat. */
  start(workerId: string): void {
    this.#workerId = workerId;
    if (this.#timer === null) {
      this.#timer = setInterval(() => this.#beat(), HEARTBEAT_MS);
      this.#timer.unref(); // An idle process may end.
      this.#beat();
    }
  }

  /** Keeps a lease until the result is disposed. */
  keep(lease: HeldLease): Disposable {
    this.#leases.set(lease.streamId, lease);
    return {
      [Symbol.dispose]: () => {
        if (this.#leases.get(lease.streamId) === lease) {
          this.#leases.delete(lease.streamId);
        }
      },
    };
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
    }
    await this.#lastBeat;
  }

  #beat(): void {
    this.#lastBeat = this.#lastBeat.then(() => this.#renew());
  }

  async #renew(): Promise<void> {
    if (this.#workerId === null) {
      return;
    }
    const held: Held[] = [...this.#leases.values()].map(({ streamId, epoch, head }) => ({
      streamId,
      epoch,
      head,
    }));
    try {
      const verdicts = await this.#calls.renewLeases(this.#workerId, held);
      for (const { streamId, epoch } of held) {
        const lease = this.#leases.get(streamId);
        const verdict = verdicts.get(streamId) ?? "lost";
        if (lease?.epoch === epoch && verdict !== "keep") {
          lease.onVerdict(verdict);
        }
      }
    } catch (error) {
      // The leases run out by themselves if this goes on; the last check of each commit is in the database.
      this.#log.warn("heartbeat_failed", { error: error instanceof Error ? error.message : String(error) });
    }
  }
}
