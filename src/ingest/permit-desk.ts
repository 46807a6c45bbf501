import { setTimeout as pause, setImmediate as turn } from "node:timers/promises";

import { Condition } from "../commit/condition.ts";
import type { Granted, IngestCalls, SeenAnswer, ToldLimit } from "../db/ingest-calls.ts";
import { backoffMs } from "../model/backoff.ts";
import { isTransient } from "../model/failure.ts";
import { unlessAborted } from "../model/unless-aborted.ts";

/** The right to send one request, now. */
export interface Permit {
  /** As the database gave it. */
  readonly grantedAt: string;
  /** When it was given, by performance.now(). */
  readonly at: number;
}

/** What came of a request that was sent. */
interface Heard {
  /** Null: no answer. */
  readonly status: number | null;
  /** The answer says that the limit is used up. */
  readonly limited: boolean;
  readonly retryAfterS: number | null;
  readonly told: readonly ToldLimit[];
}

type Seen = Omit<SeenAnswer, "age">;

export interface PermitDeskOptions {
  readonly bucket: string;
  readonly streamId: bigint;
  readonly calls: Pick<IngestCalls, "takePermits">;
  /** How many permits can be made use of at once: by slots, memory, connections. */
  readonly room: (underWay: number) => number;
  /** Resolves when that may have changed. */
  readonly changed: () => Promise<void>;
  /** Nobody needs permits any more. */
  readonly stop: AbortSignal;
  /** How the requests of this source stand: some under way, none because of the limit, or neither. */
  readonly onWaits: (what: "server" | "limit" | null) => void;
  /** Called when the database cannot be asked, before it is asked again. */
  readonly onTrouble: (error: unknown) => Promise<void>;
  readonly limits?: Partial<DeskLimits>;
}

/** In milliseconds. */
interface DeskLimits {
  /** A longer wait for the limit is not one of this pass. */
  readonly waitMs: number;
  /** A database that cannot be asked for so long ends the pass. */
  readonly troubleMs: number;
  /** A pass that ends waits so long for the database: what was granted counts until its window is over. */
  readonly lastMs: number;
}

/** How often what other sources of the process leave is looked at: memory, connections. */
const LOOK_MS = 250;

const DESK_LIMITS: DeskLimits = { waitMs: 60_000, troubleMs: 60_000, lastMs: 1_000 };

/** A request that goes out later than this after its permit may be counted in another window … */
const PERMIT_MS = 100;
/**
 * … but where every permit comes late, because the database or this process is slow, one of them must be good enough: what
 * is allowed doubles with each that is not, to a little more than the longest that the database has for its answer.
 */
const LONGEST_PERMIT_MS = 64 * PERMIT_MS;

const NOTHING: Granted = { granted: 0, grantedAt: "", waitMs: 0 };

/**
 * Where the requests of one source get their permits: asks the database for as many as can be made use of at once, and
 * tells it what became of those before. Without a permit nothing is sent; a database that cannot be asked gives none.
 */
export class PermitDesk implements AsyncDisposable {
  readonly #options: PermitDeskOptions;
  readonly #limits: DeskLimits;
  readonly #changed = new Condition();
  /** Those who wait, in the order in which they came. */
  #waiting: PromiseWithResolvers<Permit | null>[] = [];
  #seen: { readonly seen: Seen; readonly at: number }[] = [];
  #isUrgent = false;
  #underWay = 0;
  readonly #serving: Promise<void>;
  /** Aborted when a pass that ends does not wait for the call under way any more. */
  readonly #left = new AbortController();
  /** It was left like that: nothing is told to a database that does not answer. */
  #isSilent = false;
  #patience: NodeJS.Timeout | undefined;
  /** When the limit allows a request again, by performance.now(); null while it does. */
  #limitedUntil: number | null = null;
  #isClosed = false;
  #failure: { readonly error: unknown } | null = null;
  /** The shortest way of an answer of the database: its arrival, by performance.now(), less its own time. */
  #shortestWay = Number.POSITIVE_INFINITY;
  /** How old a permit may be. */
  #allowedMs = PERMIT_MS;
  /** When the last permits were given that were older. */
  #lateGrant: string | null = null;

  constructor(options: PermitDeskOptions) {
    this.#options = options;
    this.#limits = { ...DESK_LIMITS, ...options.limits };
    options.stop.addEventListener("abort", () => this.#leave());
    if (options.stop.aborted) this.#leave();
    this.#serving = this.#serve();
  }

  /** How long the limit still allows no request, in milliseconds; null: nobody waits for it. */
  get limitedMs(): number | null {
    return this.#limitedUntil === null ? null : Math.max(0, this.#limitedUntil - performance.now());
  }

  /** Null: there will be none in this pass. */
  async take(): Promise<Permit | null> {
    if (this.#failure !== null) throw this.#failure.error;
    if (this.#isOver) return null;
    const waiter = Promise.withResolvers<Permit | null>();
    this.#waiting.push(waiter);
    this.#changed.notifyAll();
    return await waiter.promise;
  }

  /** What became of a permit: its answer, or that none came. A limit is told at once: all workers stand still for it. */
  heard({ grantedAt: granted_at }: Permit, { status, limited, retryAfterS, told }: Heard): void {
    this.#isUrgent ||= limited;
    this.#note({
      granted_at,
      told,
      ...(status !== null && { status }),
      ...(limited && { limited }),
      ...(retryAfterS !== null && { retry_after: retryAfterS }),
    });
  }

  /**
   * Whether a permit has become too old to be used: then it goes back as unused. So that not all go back for ever, more is
   * allowed after each grant that came late, until one comes in time.
   */
  isLate({ grantedAt, at }: Permit): boolean {
    const age = performance.now() - at;
    if (age <= PERMIT_MS) this.#allowedMs = PERMIT_MS;
    if (age <= this.#allowedMs) return false;
    if (grantedAt !== this.#lateGrant) {
      this.#lateGrant = grantedAt; // All of one grant are late together.
      this.#allowedMs = Math.min(2 * this.#allowedMs, LONGEST_PERMIT_MS);
    }
    return true;
  }

  /** The request of this permit was not sent. */
  unused({ grantedAt }: Permit): void {
    this.#note({ granted_at: grantedAt, unused: true });
  }

  /** Tells what is left to tell, however long ago the pass was told to end: answers may have come until now. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#leave();
    await this.#serving;
    clearTimeout(this.#patience);
    if (this.#seen.length > 0 && !this.#isSilent) {
      const told = this.#call(0, this.#told(), AbortSignal.timeout(this.#limits.lastMs));
      await told.catch(() => {}); // Those permits count until their window is over.
    }
  }

  get #isOver(): boolean {
    return this.#isClosed || this.#options.stop.aborted;
  }

  #leave(): void {
    this.#patience ??= setTimeout(() => this.#left.abort(), this.#limits.lastMs);
    this.#changed.notifyAll();
  }

  #note(seen: Seen): void {
    this.#underWay--;
    this.#seen.push({ seen, at: performance.now() });
    this.#show();
    this.#changed.notifyAll();
  }

  /** Until it is over; from then on nobody comes to wait. */
  async #serve(): Promise<void> {
    try {
      while (!this.#isOver) await this.#serveNext();
      for (const { resolve } of this.#waiting.splice(0)) resolve(null);
    } catch (error) {
      this.#failure = { error };
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    }
  }

  async #serveNext(): Promise<void> {
    const { room, changed } = this.#options;
    const want = Math.max(0, Math.min(this.#waiting.length, room(this.#underWay)));
    if (want === 0 && !this.#isUrgent) {
      await (this.#waiting.length === 0 ? this.#changed.next : this.#until(LOOK_MS, changed()));
      return;
    }
    this.#isUrgent = false;
    const askedAt = performance.now();
    const { granted, grantedAt, waitMs } = await this.#ask(want);
    this.#give(granted, grantedAt, askedAt);
    await turn(); // By then these are sent, and what they take is not there any more.
    if (granted === 0 && want > 0) await this.#wait(waitMs);
  }

  #give(granted: number, grantedAt: string, askedAt: number): void {
    const at = granted > 0 ? this.#grantTime(grantedAt, askedAt) : 0;
    for (let given = 0; given < granted; given++) {
      this.#underWay++;
      const waiter = this.#options.stop.aborted ? undefined : this.#waiting.shift();
      if (waiter === undefined) this.unused({ grantedAt, at });
      else waiter.resolve({ grantedAt, at });
    }
    this.#show();
  }

  /**
   * When a permit was given, by performance.now(): its answer may have waited in a busy process, or on its way. How long is
   * told by the answer that came the fastest; a clock of the database that is set back can make it no older than the question.
   */
  #grantTime(grantedAt: string, askedAt: number): number {
    const now = performance.now();
    const given = Date.parse(grantedAt);
    this.#shortestWay = Math.min(this.#shortestWay, now - given);
    return Math.max(askedAt, given + this.#shortestWay);
  }

  /** Until the limit may allow a request again, or another answer came. */
  async #wait(ms: number): Promise<void> {
    this.#limitedUntil = performance.now() + ms;
    if (ms > this.#limits.waitMs) {
      this.#isClosed = true;
    }
    if (this.#isOver) return; // Nobody wakes it any more.
    this.#show();
    await this.#until(ms);
    if (!this.#options.stop.aborted) this.#limitedUntil = null; // Otherwise the pass ends by it.
    this.#show();
  }

  /** Resolves when something changed, and at the latest after so many milliseconds. */
  async #until(ms: number, ...others: readonly Promise<void>[]): Promise<void> {
    const over = new AbortController();
    const late = pause(ms, undefined, { signal: over.signal }).catch(() => {}); // Woken.
    await Promise.race([this.#changed.next, late, ...others]);
    over.abort();
  }

  /** Asks until the database answers. What was told to one that did not answer may have been heard, and is not told again. */
  async #ask(want: number): Promise<Granted> {
    const { onTrouble, stop } = this.#options;
    const since = performance.now();
    for (let attempt = 1; ; attempt++) {
      const seen = this.#told();
      try {
        return await this.#call(want, seen, this.#left.signal);
      } catch (error) {
        this.#isSilent = error === this.#left.signal.reason;
        const now = performance.now();
        const limits = seen.filter(({ limited }) => limited);
        this.#seen.push(...limits.map((each) => ({ seen: each, at: now - each.age * 1_000 })));
        if (stop.aborted) return NOTHING;
        if (!isTransient(error) || performance.now() - since >= this.#limits.troubleMs) throw error;
        await onTrouble(error);
        await pause(backoffMs(attempt, 100, 5_000), undefined, { signal: stop }).catch(() => {});
        if (stop.aborted) return NOTHING;
      }
    }
  }

  #call(want: number, seen: readonly SeenAnswer[], left: AbortSignal): Promise<Granted> {
    const { calls, bucket, streamId } = this.#options;
    return unlessAborted(calls.takePermits(bucket, want, seen, streamId), left);
  }

  #told(): readonly SeenAnswer[] {
    const now = performance.now();
    return this.#seen.splice(0).map(({ seen, at }) => ({ ...seen, age: (now - at) / 1_000 }));
  }

  #show(): void {
    const what = this.#underWay > 0 ? "server" : this.#limitedUntil === null ? null : "limit";
    this.#options.onWaits(what);
  }
}
