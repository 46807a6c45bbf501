import type { Lease, LeaseCalls, LeaseReport, Verdict } from "../db/lease-calls.ts";
import type { ServerWait } from "../db/server-wait.ts";
import type { Log } from "../log.ts";
import { HEARTBEAT_MS, LEASE_MS, WRITER_SILENCE_MS } from "../model/limits.ts";

/** A pass that holds a lease: what each beat reports of it, and how it hears the answer. */
export interface LeaseHolder extends Lease {
  /**
   * Whether the pass holds data that is not committed: should the data kill the worker, the stream to blame is known.
   * Null while the pass reports that itself: a beat on its way would contradict it.
   */
  holds: boolean | null;
  /** The last block that the server is known to hold, for ampsync.streams; null while unknown. */
  head: { readonly block: bigint; readonly network: string } | null;
  /** Whether the writing transaction of the pass waits for PostgreSQL. */
  readonly writerWait: Pick<ServerWait, "since">;
  /** What else the pass waits for, and since when, by performance.now(). */
  readonly waits: { readonly for: "plan" | "server" | "permit"; readonly since: number } | null;
  /** Called with every verdict but `keep`. */
  onVerdict: (verdict: Exclude<Verdict, "keep">) => void;
  /** Called at each beat with the state of the stream in the database. */
  onState: (state: string) => void;
}

/** In milliseconds. Tests make them short. */
export interface HeartbeatTimes {
  readonly beatMs: number;
  readonly leaseMs: number;
  readonly silenceMs: number;
}

const TIMES: HeartbeatTimes = { beatMs: HEARTBEAT_MS, leaseMs: LEASE_MS, silenceMs: WRITER_SILENCE_MS };

interface KeptHolder {
  readonly holder: LeaseHolder;
  /** The last time at which its lease was certainly ours, by performance.now(). */
  renewedAt: number;
  /** The start of its writer's wait, where the last beat found no backend at work for it. */
  severedSince: number | null;
}

/**
 * Renews every lease of this process in one call, on a connection of its own, so
 * that no writing can delay it. It also beats between passes: that shows the
 * supervisor that this worker is alive.
 */
export class Heartbeat {
  readonly #calls: LeaseCalls;
  readonly #log: Log;
  readonly #times: HeartbeatTimes;
  readonly #holders = new Map<bigint, KeptHolder>();
  #workerId: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #lastBeat: Promise<void> = Promise.resolve();
  #isBeatDue = false;

  constructor(calls: LeaseCalls, log: Log, times: HeartbeatTimes = TIMES) {
    this.#calls = calls;
    this.#log = log;
    this.#times = times;
  }

  /** Called with the id of this worker at each of its jobs; the first call starts the heartbeat. */
  start(workerId: string): void {
    this.#workerId = workerId;
    if (this.#timer === null) {
      this.#timer = setInterval(() => this.#beat(), this.#times.beatMs);
      this.#timer.unref(); // An idle process may end.
      this.#beat();
    }
  }

  /**
   * Renews a lease until the result is disposed. A pass that still holds an older one of the stream, as after a pause
   * and a resume between two beats, hears here that it is lost: beats report the newer one only.
   */
  keep(holder: LeaseHolder): Disposable {
    this.#holders.get(holder.streamId)?.holder.onVerdict("lost");
    this.#holders.set(holder.streamId, { holder, renewedAt: performance.now(), severedSince: null });
    return {
      [Symbol.dispose]: () => {
        if (this.#holders.get(holder.streamId)?.holder === holder) {
          this.#holders.delete(holder.streamId);
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

  /** At most one beat waits for the answer to the last one: in an outage there would be hundreds. */
  #beat(): void {
    if (this.#isBeatDue) {
      return;
    }
    this.#isBeatDue = true;
    this.#lastBeat = this.#lastBeat.then(async () => {
      this.#isBeatDue = false;
      if (this.#timer !== null) {
        await this.#renew();
      }
    });
  }

  async #renew(): Promise<void> {
    if (this.#workerId === null) {
      return;
    }
    const askedAt = performance.now();
    const waitingSince = new Map<bigint, number | null>();
    const held: LeaseReport[] = [...this.#holders.values()].map(({ holder }) => {
      const { streamId, epoch, head, holds, waits, writerWait } = holder;
      waitingSince.set(streamId, writerWait.since);
      return {
        streamId,
        epoch,
        head,
        holds,
        writerWaitsS: secondsSince(writerWait.since, askedAt),
        waits: waits?.for ?? null,
        waitsS: secondsSince(waits?.since ?? null, askedAt),
        isWriterSilent: writerWait.since !== null && askedAt - writerWait.since >= this.#times.silenceMs,
      };
    });
    try {
      const verdicts = await this.#calls.renewLeases(this.#workerId, held);
      for (const { streamId, epoch } of held) {
        const kept = this.#holders.get(streamId);
        const { verdict, state } = verdicts.get(streamId) ?? { verdict: "lost", state: null };
        if (kept?.holder.epoch !== epoch) {
          continue;
        }
        kept.renewedAt = askedAt;
        const severedSince = verdict === "severed" ? (waitingSince.get(streamId) ?? null) : null;
        // A backend that has just got its lock looks idle until its writer has read the answer: the next beat tells.
        const isDoubtful = verdict === "severed" && severedSince !== kept.severedSince;
        kept.severedSince = severedSince;
        if (verdict !== "keep" && !isDoubtful) {
          kept.holder.onVerdict(verdict);
        }
        if (state !== null) {
          kept.holder.onState(state);
        }
      }
    } catch (error) {
      this.#log.warn("heartbeat_failed", { error: error instanceof Error ? error.message : String(error) });
      this.#giveUpExpired();
    }
  }

  /**
   * Leases that were not renewed for as long as they last may not be ours any more, and
   * the answers that their passes wait for may never come: those connections can be as
   * dead as ours.
   */
  #giveUpExpired(): void {
    for (const { holder, renewedAt } of this.#holders.values()) {
      if (performance.now() - renewedAt >= this.#times.leaseMs) {
        holder.onVerdict("severed");
      }
    }
  }
}

function secondsSince(since: number | null, now: number): number | null {
  return since === null ? null : (now - since) / 1000;
}
