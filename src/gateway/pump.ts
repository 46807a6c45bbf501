import type pg from "pg";

import type { ChangeRow } from "../db/gateway-answers.ts";
import type { GatewayCalls } from "../db/gateway-calls.ts";
import { FilterFailed, inSnapshot, type SnapshotReads } from "../db/snapshot-reads.ts";
import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";
import type { Check, CheckedOps } from "./check.ts";
import type { DefinitionsCache } from "./definitions.ts";
import { SharedOps } from "./frame.ts";
import { type Reading, readBlocks, readChanges } from "./reading.ts";
import { type LoadedOps, readLoad, serve } from "./serve.ts";
import type { Session } from "./session.ts";
import { instancesOf } from "./subscription.ts";
import { Wakes } from "./wakes.ts";

const POLL_MS = 1_000;
const APART_MS = 5;
/** Readings for those who are behind, at once. */
const MOST_CATCHING_UP = 4;
/** Sessions that one of these readings takes. */
const MOST_TOGETHER = 500;

export interface PumpOptions {
  /** Of one connection, which is the pump's alone. */
  readonly own: pg.Pool;
  readonly pool: pg.Pool;
  readonly calls: GatewayCalls;
  readonly definitions: DefinitionsCache;
  readonly log: Log;
  /** These shapes are not as they were: nothing is sent of them until their sessions know what to do. */
  readonly changed: (names: ReadonlySet<string>) => void;
  /** The shapes of a session are to be asked for anew. */
  readonly resolve: (session: Session) => void;
  /** The log does not go on from where these sessions are. */
  readonly lost: (sessions: readonly Session[]) => void;
  /** These tables of a session were loaded, with the frame that it was just sent. */
  readonly loaded: (session: Session, tables: readonly string[]) => void;
  readonly served: (reading: Reading, seconds: number) => void;
}

/** How a reading ended. */
type Outcome = "served" | "again";

/**
 * Reads the log for the sessions of a gateway and sends each what is for it. Those that are caught up are served together,
 * one snapshot after the other; those that are behind, or are being loaded, by readings of their own until they have reached
 * the head. A session is in one reading at a time.
 */
export class Pump {
  readonly sessions = new Set<Session>();
  readonly #options: PumpOptions;
  readonly #wakes = new Wakes();
  #catchingUp = 0;
  #isChecking = false;
  #isEnding = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: PumpOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    this.wake();
    await this.#running;
  }

  /** Something may be new: in the log, or because a session can take more. */
  wake(): void {
    this.#wakes.wake();
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      const woken = this.#wakes.next(POLL_MS);
      this.#catchUp();
      const live = [...this.sessions].filter(
        (session) => session.isFed && session.isCaughtUp && !isLoaded(session),
      );
      if (live.length > 0) {
        const outcome = await this.#read(this.#options.own, live);
        if (outcome === "again") continue;
      }
      await woken;
      await new Promise((resolve) => setTimeout(resolve, APART_MS));
    }
    while (this.#catchingUp > 0 || this.#isChecking) await this.#wakes.next(POLL_MS);
  }

  /** A reading of its own for one session whose tables are compared: others do not wait for sums of whole tables. */
  #check(): void {
    if (this.#isChecking) return;
    const session = [...this.sessions].find((each) => each.check !== null && each.isFed && each.isCaughtUp);
    if (session === undefined) return;
    this.#isChecking = true;
    void this.#read(this.#options.pool, [session]).finally(() => {
      this.#isChecking = false;
      this.wake();
    });
  }

  /** Begins readings for those who are behind, the oldest first. */
  #catchUp(): void {
    this.#check();
    while (this.#catchingUp < MOST_CATCHING_UP) {
      const behind = [...this.sessions]
        .filter((session) => session.isFed && (!session.isCaughtUp || isLoaded(session)))
        .sort((a, b) => compare(a.served.position, b.served.position))
        .slice(0, MOST_TOGETHER);
      if (behind.length === 0) return;
      this.#catchingUp += 1;
      void this.#read(this.#options.pool, behind).finally(() => {
        this.#catchingUp -= 1;
        this.wake();
      });
    }
  }

  /** One reading. What fails leaves its sessions where they were, to be served by the next one. */
  async #read(pool: pg.Pool, candidates: readonly Session[]): Promise<Outcome> {
    const held = new Map(candidates.map((session) => [session, session.revision]));
    for (const session of candidates) session.isBusy = true;
    const { log } = this.#options;
    try {
      return await this.#readFor(pool, candidates, held);
    } catch (error) {
      const { code } = failureOf(error);
      if (this.#isForOne(pool, candidates)) candidates[0]!.check?.fail();
      if (code === "SY406") this.#options.lost(candidates);
      else if (error instanceof FilterFailed && (await this.#failShape(error))) return "again";
      else {
        log.warn("reading_failed", { error: code });
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      return "again";
    } finally {
      for (const session of held.keys()) session.isBusy = false;
    }
  }

  /** `held`: who is in this reading, with the revision of its subscriptions; those whom it does not serve leave it. */
  async #readFor(
    pool: pg.Pool,
    candidates: readonly Session[],
    held: Map<Session, number>,
  ): Promise<Outcome> {
    const { calls, definitions, changed } = this.#options;
    const start = performance.now();
    const datasets = [...instancesOf(candidates.flatMap(subscriptionsOf), ["live", "load"]).values()]
      .filter(({ form }) => form.mode === "blocks")
      .map(({ form }) => form.shape_id);
    if (datasets.length > 0) await calls.raiseLow(datasets);

    const check = this.#isForOne(pool, candidates) ? candidates[0]!.check : null;
    const done = await inSnapshot(pool, (reads) => this.#readAll(reads, candidates, held, check));
    if (done === "definitions") {
      changed(await definitions.load());
      return "again";
    }
    if (done === "waits") return "again";
    const { reading, participants, loaded, checked } = done;
    const failed = [...reading.changes.values(), ...[...loaded.values()].map((each) => each.failed)]
      .flat()
      .filter(({ operation }) => operation === "failed");
    const failedShapes = new Set(failed.map(({ shape_id }) => shape_id));
    const shared = new SharedOps();
    for (const session of participants) {
      // It left, or asked for something else meanwhile.
      if (!this.sessions.has(session) || session.isResolving || held.get(session) !== session.revision)
        continue;
      if (subscriptionsOf(session).some(({ form }) => failedShapes.has(form?.shape_id ?? -1))) continue;
      const loads = loaded.get(session) ?? null;
      const tables = loads === null ? [] : session.load!.parts.map(({ form }) => form.table);
      serve(session, reading, shared, loads, checked?.texts ?? []);
      checked?.done();
      if (loads !== null) this.#options.loaded(session, tables);
      session.isCaughtUp = session.served.position >= reading.head || !hasRows(session);
    }
    this.#options.served(reading, (performance.now() - start) / 1000);
    await this.#fail(failed);
    return participants.some((session) => !session.isCaughtUp) ? "again" : "served";
  }

  /** Reads all that these sessions need, in one snapshot. */
  async #readAll(
    reads: SnapshotReads,
    candidates: readonly Session[],
    held: Map<Session, number>,
    check: Check | null,
  ): Promise<
    | "definitions"
    | "waits"
    | {
        reading: Reading;
        participants: Session[];
        loaded: Map<Session, LoadedOps>;
        checked: CheckedOps | null;
      }
  > {
    const { definitions, resolve } = this.#options;
    const withRows = candidates.filter(hasRows);
    const withBlocks = candidates.filter(hasBlocks);
    const after = least(withRows.map(({ served }) => served.position));
    const log = await reads.log(
      after,
      candidates[0]!.epoch,
      least(withBlocks.map(({ served }) => served.blocks)),
    );
    if (log.definitions !== definitions.version) return "definitions";
    const first = withRows.find(({ served }) => served.position === after);
    const known = first?.stamps.stamp ?? null;
    if (first !== undefined && known !== null && log.stamp !== null && log.stamp !== known) {
      this.#options.lost([first]);
      return "waits";
    }
    const to = BigInt(log.to);
    const head = BigInt(log.head);

    if (log.too_large) {
      for (const session of withRows.filter(({ served }) => served.position < to)) {
        for (const { form, mode, wish } of subscriptionsOf(session)) {
          if (form?.mode === "rows" && mode === "live") session.reasons.set(wish.id, "too large");
        }
        session.isResolving = true;
        resolve(session);
      }
      return "waits";
    }
    // Tables that are to be loaded anew, or look different from here on: their sessions learn it first.
    for (const { position, mode, shapes } of log.entries) {
      for (const session of candidates) {
        const from = mode === "rows" ? session.served.position : session.served.blocks;
        const isTouched = subscriptionsOf(session).some(
          ({ form, mode: state }) => state === "live" && form !== null && shapes?.includes(form.shape_id),
        );
        if (isTouched && BigInt(position) > from && !session.isResolving && !session.noted.has(position)) {
          session.noted.add(position);
          session.isResolving = true;
          resolve(session);
        }
      }
    }
    // What is loaded is of `to`: a session further on would miss what came between.
    const participants = candidates.filter(
      (session) =>
        !session.isResolving &&
        ((!hasRows(session) && !isLoaded(session)) ||
          session.served.position <= to ||
          session.served.position > head),
    );
    this.#release(held, participants);
    if (participants.length === 0) return "waits";
    const shapes = [...instancesOf(participants.flatMap(subscriptionsOf), ["live"]).values()].map(
      ({ form }) => form,
    );
    const changes = await readChanges(reads, shapes, after, to);
    const blocks = await readBlocks(reads, shapes, log.blocks);
    const reading: Reading = { log, to, head, changes, blocks };
    const loaded = new Map<Session, LoadedOps>();
    for (const session of participants.filter((each) => isLoaded(each) && each.load!.settled <= to)) {
      loaded.set(session, await readLoad(reads, session, reading));
    }
    const [one] = participants;
    const checked = one !== undefined && check?.isDue(one, to) ? await check.read(reads, one, reading) : null;
    return { reading, participants, loaded, checked };
  }

  /** Only there tables are compared. */
  #isForOne(pool: pg.Pool, candidates: readonly Session[]): boolean {
    return pool !== this.#options.own && candidates.length === 1;
  }

  /** Who is too far ahead of this page is served by another reading, and does not wait for this one. */
  #release(held: Map<Session, number>, participants: readonly Session[]): void {
    const staying = new Set(participants);
    const leaving = [...held.keys()].filter((session) => !staying.has(session));
    for (const session of leaving) {
      held.delete(session);
      session.isBusy = false;
    }
    if (leaving.length > 0) this.#catchUp();
  }

  async #fail(rows: readonly ChangeRow[]): Promise<void> {
    const { calls, definitions, log } = this.#options;
    for (const { shape_id, key, data } of rows) {
      const form = definitions.form(shape_id);
      if (form === null) continue;
      log.warn("shape_failed", { shape: form.name });
      // A shape that somebody holds fails with a later reading; until then nothing of it is sent.
      await calls.failShape(form, key, data ?? "").catch(() => {});
    }
  }

  /** The same of a shape that could not be read at all. False: not now. */
  async #failShape({ form, key, sqlState }: FilterFailed): Promise<boolean> {
    const { calls, log } = this.#options;
    log.warn("shape_failed", { shape: form.name });
    return await calls.failShape(form, key, sqlState).then(
      () => true,
      () => false,
    );
  }
}

function subscriptionsOf(session: Session) {
  return [...session.subscriptions.values()];
}

function isLoaded({ load }: Session): boolean {
  return load?.state === "ready";
}

function hasRows(session: Session): boolean {
  return subscriptionsOf(session).some(({ form, mode }) => mode === "live" && form?.mode === "rows");
}

function hasBlocks(session: Session): boolean {
  return subscriptionsOf(session).some(({ form, mode }) => mode === "live" && form?.mode === "blocks");
}

function least(values: readonly bigint[]): bigint | null {
  return values.reduce<bigint | null>(
    (lowest, each) => (lowest === null || each < lowest ? each : lowest),
    null,
  );
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
