import type { Lease, LeaseCalls, LeaseReport, Verdict } from "../db/lease-calls.ts";
import type { ServerWait } from "../db/server-wait.ts";
import type { Log } from "../log.ts";
import {
  HEARTBEAT_MS,
  LEASE_MS,
  LONGEST_REBEAT_MS,
  LOOK_MS,
  NO_LOOK_AFTER_LOSS_MS,
  REBEAT_MS,
  WRITER_SILENCE_MS,
} from "../model/limits.ts";

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
  readonly waits: {
    readonly for: "turn" | "plan" | "server" | "limit" | "permit";
    readonly since: number;
  } | null;
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
 *
 * The session of that connection holds the lock of this worker, which others see to be free as soon as this process
 * is dead; if only the session is lost, the next beat comes at once, and takes the lock again. Between two beats the
 * session looks for the locks of other workers.
 */
export class Heartbeat {
  readonly #calls: LeaseCalls;
  readonly #log: Log;
  readonly #times: HeartbeatTimes;
  readonly #holders = new Map<bigint, KeptHolder>();
  #workerId: string | null = null;
  readonly #begun = Promise.withResolvers<void>();
  #timer: NodeJS.Timeout | null = null;
  #lookTimer: NodeJS.Timeout | undefined;
  #rebeatTimer: NodeJS.Timeout | undefined;
  #rebeatMs = REBEAT_MS;
  /** Beats and looks, one after the other: they share a connection. */
  #last: Promise<void> = Promise.resolve();
  #isBeatDue = false;
  #isLookDue = false;
  #hasBegun = false;
  /** The workers whose locks were free at the last look. */
  #suspects: readonly string[] = [];
  /** When the session was lost, by performance.now(). */
  #lostAt: number | null = null;
  /** When the last beat was answered, or the first one became due, by performance.now(). */
  #beatenAt = performance.now();

  constructor(calls: LeaseCalls, log: Log, times: HeartbeatTimes = TIMES) {
    this.#calls = calls;
    this.#log = log;
    this.#times = times;
  }

  /** How long no beat was answered. */
  get silentMs(): number {
    return performance.now() - this.#beatenAt;
  }

  /** How many leases it renews. */
  get held(): number {
    return this.#holders.size;
  }

  /** Called with the id of this worker at each of its jobs; the first call starts the heartbeat. */
  start(workerId: string): void {
    this.#workerId = workerId;
    if (this.#timer === null) {
      this.#beatenAt = performance.now();
      this.#timer = setInterval(() => this.#beat(), this.#times.beatMs);
      this.#lookTimer = setInterval(() => this.#look(), LOOK_MS);
      this.#timer.unref(); // An idle process may end.
      this.#lookTimer.unref();
      this.#beat();
    }
  }

  /** Resolves after the first beat: before it the worker holds no lock, and is given no lease. Or when nobody waits. */
  async begun(signal?: AbortSignal): Promise<void> {
    if (!this.#hasBegun && signal?.aborted !== true) {
      const { promise, resolve } = Promise.withResolvers<void>();
      signal?.addEventListener("abort", () => resolve(), { once: true });
      await Promise.race([this.#begun.promise, promise]);
    }
  }

  /** The connection is lost, and the lock of this worker with it. */
  sessionLost(): void {
    this.#lostAt = performance.now();
    this.#suspects = [];
    this.#beat();
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
      clearInterval(this.#lookTimer);
      clearTimeout(this.#rebeatTimer);
      this.#timer = null;
    }
    this.#begun.resolve();
    await this.#last;
  }

  /** At most one beat waits for the answer to the last one: in an outage there would be hundreds. */
  #beat(): void {
    if (this.#isBeatDue) {
      return;
    }
    this.#isBeatDue = true;
    this.#next(async () => {
      this.#isBeatDue = false;
      await this.#renew();
    });
  }

  /** A worker that has just lost its session is the last to say that others have: it may be the server, or a pooler. */
  #look(): void {
    const isQuiet = this.#lostAt !== null && performance.now() - this.#lostAt < NO_LOOK_AFTER_LOSS_MS;
    if (!this.#hasBegun || this.#isLookDue || this.#isBeatDue || isQuiet) {
      return;
    }
    this.#isLookDue = true;
    this.#next(async () => {
      try {
        await this.#findDead();
      } finally {
        this.#isLookDue = false;
      }
    });
  }

  #next(work: () => Promise<void>): void {
    this.#last = this.#last.then(async () => {
      if (this.#timer !== null) {
        await work();
      }
    });
  }

  async #findDead(): Promise<void> {
    if (this.#workerId === null) {
      return;
    }
    try {
      this.#suspects = await this.#calls.findDeadWorkers(this.#workerId, this.#suspects);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Whatever failed, its connection was closed: the next beat, on another one, comes soon. */
  #failed(error: unknown): void {
    this.#log.warn("heartbeat_failed", { error: error instanceof Error ? error.message : String(error) });
    this.#lostAt = performance.now();
    this.#suspects = [];
    clearTimeout(this.#rebeatTimer);
    this.#rebeatTimer = setTimeout(() => this.#beat(), this.#rebeatMs).unref();
    this.#rebeatMs = Math.min(2 * this.#rebeatMs, LONGEST_REBEAT_MS);
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
      this.#rebeatMs = REBEAT_MS;
      this.#beatenAt = performance.now();
      if (!this.#hasBegun) {
        this.#hasBegun = true;
        this.#begun.resolve();
        this.#look(); // It may follow one that died.
      }
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
      this.#failed(error);
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
