import type pg from "pg";

import { failureOf } from "../model/failure.ts";
import { Reader, type ReaderOptions } from "./reader.ts";
import type { Session } from "./session.ts";
import { Wakes } from "./wakes.ts";

const POLL_MS = 1_000;
const APART_MS = 5;
/** Readings for those who are behind, at once. */
const MOST_CATCHING_UP = 4;
/** Sessions that one of these readings takes. */
const MOST_TOGETHER = 500;
/** While clients come, one after the other, those that are in wait this long for company: a reading serves them all. */
const COMPANY_MS = 50;

/** Of frames that only say that nothing was for a client there are 500 a second at most, however many clients there are. */
const EMPTY_EACH_MS = 1_000;
const EMPTY_MS = 2;

export interface PumpOptions extends Omit<ReaderOptions, "isOpen" | "released" | "news" | "emptyEachMs"> {
  /** Of one connection, which is the pump's alone. */
  readonly own: pg.Pool;
  readonly pool: pg.Pool;
  /** Lets the windows of all shapes follow, on that connection. */
  readonly raiseLow: () => Promise<void>;
  /** Clients are being let in. */
  readonly areComing: () => boolean;
  /** How long without a notification until it looks all the same. */
  readonly pollMs?: number | undefined;
}

/**
 * Reads the log for the sessions of a gateway and sends each what is for it. Those that are caught up are served together,
 * one snapshot after the other; those that are behind, or are being loaded, by readings of their own until they have reached
 * the head. A session is in one reading at a time.
 */
export class Pump {
  readonly sessions = new Set<Session>();
  readonly #options: PumpOptions;
  readonly #reader: Reader;
  readonly #mostCatchingUp: number;
  readonly #wakes = new Wakes();
  /** How many times something may have come into the log, and whether that has happened again. */
  #news = 0;
  #isTold = true;
  #catchingUp = 0;
  #caughtUpAt = Number.NEGATIVE_INFINITY;
  #company: NodeJS.Timeout | null = null;
  #isChecking = false;
  #isEnding = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: PumpOptions) {
    this.#options = options;
    // Clients that come, and their chunks, need connections meanwhile.
    this.#mostCatchingUp = Math.max(1, Math.min(MOST_CATCHING_UP, Math.floor(options.pool.options.max / 3)));
    this.#reader = new Reader({
      ...options,
      isOpen: (session) => this.sessions.has(session),
      released: () => this.#catchUp(),
      news: () => this.news,
      emptyEachMs: () => Math.max(EMPTY_EACH_MS, EMPTY_MS * this.sessions.size),
    });
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    this.wake();
    await this.#running;
  }

  /** The number of the newest news: a snapshot that begins now has all of it. */
  get news(): number {
    return this.#news;
  }

  /** Something may have come into the log. */
  tell(): void {
    this.#isTold = true;
    this.#wakes.wake();
  }

  /** A session can be served that could not before. */
  wake(): void {
    this.#wakes.wake();
  }

  /** The session takes more again: if it was passed over meanwhile, it is served. */
  freed(session: Session): void {
    const { isCaughtUp, isLoaded, check, news } = session;
    if (!isCaughtUp || isLoaded || check !== null || news < this.#news) this.wake();
  }

  async #run(): Promise<void> {
    const { pollMs = POLL_MS } = this.#options;
    let lookAt = 0;
    while (!this.#isEnding) {
      const now = performance.now();
      if (this.#isTold || now >= lookAt) {
        lookAt = now + pollMs;
        this.#look();
      }
      const woken = this.#wakes.next(lookAt - now);
      this.#options.locked.tell(this.sessions);
      this.#catchUp();
      if ((await this.#serveLive()) === "again") continue;
      const next = performance.now() + APART_MS;
      await woken;
      const early = next - performance.now();
      if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
    }
    while (this.#catchingUp > 0 || this.#isChecking) await this.#wakes.next(POLL_MS);
  }

  #look(): void {
    this.#isTold = false;
    this.#news += 1;
    // Whoever cannot take more keeps nobody else waiting: what it misses it gets by a reading of its own.
    for (const session of this.sessions) if (session.isSlow) session.isCaughtUp = false;
  }

  /** Those that are caught up and were not served since there was news. */
  async #serveLive(): Promise<"again" | "served"> {
    const live = [...this.sessions].filter(
      (session) =>
        session.news < this.#news && session.isCaughtUp && !session.isLoaded && this.#isServed(session),
    );
    if (live.some(({ followsBlocks }) => followsBlocks)) await this.#raiseLow();
    const outcomes: string[] = [];
    for (const group of byEpoch(live)) {
      // Those that the reading before this one has given to others, or closed, are fed no more.
      outcomes.push(
        await this.#reader.read(
          this.#options.own,
          group.filter((session) => this.#isServed(session)),
        ),
      );
    }
    return outcomes.includes("again") ? "again" : "served";
  }

  #isFed(session: Session): boolean {
    return session.isFed && !this.#options.locked.stops(session);
  }

  #isServed(session: Session): boolean {
    return !session.waitsForCheck && this.#isFed(session);
  }

  /** Waits for nobody. Where it fails, so does the reading. */
  async #raiseLow(): Promise<void> {
    const { raiseLow, log } = this.#options;
    await raiseLow().catch((error: unknown) => log.warn("raise_failed", { error: failureOf(error).code }));
  }

  /** A reading of its own for one session whose tables are compared: others do not wait for sums of whole tables. */
  #check(): void {
    if (this.#isChecking) return;
    const session = [...this.sessions].find(
      (each) => each.check !== null && this.#isFed(each) && (each.isCaughtUp || each.waitsForCheck),
    );
    if (session === undefined) return;
    this.#isChecking = true;
    void this.#reader.read(this.#options.pool, [session], true).finally(() => {
      this.#isChecking = false;
      this.wake();
    });
  }

  /** Whether those who are behind are read for a little later; it looks again by itself then. */
  #waitForCompany(): boolean {
    const early = this.#caughtUpAt + COMPANY_MS - performance.now();
    if (early <= 0 || !this.#options.areComing()) return false;
    this.#company ??= setTimeout(() => {
      this.#company = null;
      this.wake();
    }, early).unref();
    return true;
  }

  /** Begins readings for those who are behind, the oldest first. */
  #catchUp(): void {
    this.#check();
    if (this.#waitForCompany()) return;
    while (this.#catchingUp < this.#mostCatchingUp) {
      const behind = [...this.sessions]
        .filter((session) => (!session.isCaughtUp || session.isLoaded) && this.#isServed(session))
        .sort((a, b) => compare(a.served.position, b.served.position));
      const group = nextGroup(behind);
      if (group.length === 0) return;
      this.#catchingUp += 1;
      this.#caughtUpAt = performance.now();
      void this.#reader.read(this.#options.pool, group, true).finally(() => {
        this.#catchingUp -= 1;
        this.wake();
      });
    }
  }
}

/** Who can be read for together with the first one. A session that was held is read for alone: its page may be a long one. */
function nextGroup(behind: readonly Session[]): readonly Session[] {
  const [first] = behind;
  if (first === undefined || (first.isHeld && first.isLoaded)) return behind.slice(0, 1);
  return behind
    .filter((session) => session.epoch === first.epoch && !(session.isHeld && session.isLoaded))
    .slice(0, MOST_TOGETHER);
}

/** Positions of one life of the log say nothing about another one. */
function byEpoch(sessions: readonly Session[]): Iterable<readonly Session[]> {
  return Map.groupBy(sessions, ({ epoch }) => epoch).values();
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
