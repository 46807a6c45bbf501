import type pg from "pg";

import type { ShapeForm } from "../db/gateway-answers.ts";
import { FilterFailed, inSnapshot, type SnapshotReads, TooManyRows } from "../db/snapshot-reads.ts";
import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";
import type { Check, CheckedOps } from "./check.ts";
import type { DefinitionsCache } from "./definitions.ts";
import { SharedFrames, SharedOps } from "./frame.ts";
import { LockedTables } from "./locked-tables.ts";
import { type LoadedOps, LoadTooLarge, readLoads } from "./read-load.ts";
import { type Reading, readBlocks, readChanges, readOwn } from "./reading.ts";
import { serve } from "./serve.ts";
import type { Session } from "./session.ts";
import type { ShapeFailures } from "./shape-failures.ts";
import { liveShapes } from "./subscription.ts";
import { Tops } from "./tops.ts";
import { largeBlocks, largeRows, touched } from "./touched.ts";

const AGAIN_MS = 1_000;
const MOST_NAMED = 500;

export interface ReaderOptions {
  readonly definitions: DefinitionsCache;
  readonly failures: ShapeFailures;
  readonly locked: LockedTables;
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
  /** The number of the newest news of the log. */
  readonly news: () => number;
  /** How often a client hears at most that nothing was for it. */
  readonly emptyEachMs: () => number;
  /** Whether it is still there. */
  readonly isOpen: (session: Session) => boolean;
  /** A reading goes on without some of its sessions, which can be read for. */
  readonly released: () => void;
}

/** How a reading ended. */
export type Outcome = "served" | "again";

/** What one snapshot says to those who are served by it. */
interface Found {
  readonly reading: Reading;
  readonly participants: readonly Session[];
  readonly loaded: ReadonlyMap<Session, LoadedOps>;
  readonly checked: CheckedOps | null;
  /** The lowest place in the log of datasets among them; null: they have none. */
  readonly blocksAfter: bigint | null;
}

/** Who is in a reading, with the revision of its subscriptions; those whom it does not serve leave it. */
type Held = Map<Session, number>;

/** Reads in one snapshot what several sessions of one epoch need, and serves them. */
export class Reader {
  readonly #options: ReaderOptions;
  readonly #tops = new Tops();

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /**
   * One reading. What fails leaves its sessions where they were, to be served by the next one. `mayCheck`: where it is for one
   * session, the tables of that are compared if it wants to.
   */
  async read(pool: pg.Pool, candidates: readonly Session[], mayCheck = false): Promise<Outcome> {
    if (candidates.length === 0) return "served";
    const check = mayCheck && candidates.length === 1 ? candidates[0]!.check : null;
    const held: Held = new Map(candidates.map((session) => [session, session.revision]));
    for (const session of candidates) session.isBusy = true;
    try {
      return await this.#readFor(pool, candidates, held, check);
    } catch (error) {
      check?.fail();
      await this.#failed(error, candidates);
      return "again";
    } finally {
      for (const session of held.keys()) session.isBusy = false;
    }
  }

  async #failed(error: unknown, candidates: readonly Session[]): Promise<void> {
    const { log, lost, failures, locked, resolve } = this.#options;
    const { code } = failureOf(error);
    if (code === "SY406") return lost(candidates);
    if (error instanceof LoadTooLarge) return error.load.outrun(error.from, error.large);
    if (error instanceof TooManyRows) {
      log.warn("shape_too_large", { shape: error.form.name });
      const names = new Set([error.form.shape_id]);
      for (const session of candidates) if (touched(session, names, "too large")) resolve(session);
      return;
    }
    if (LockedTables.isLock(error) && (await locked.look(formsOf(candidates)))) return;
    if (error instanceof FilterFailed && (await failures.noted(error))) return;
    log.warn("reading_failed", { error: code });
    await new Promise((done) => setTimeout(done, AGAIN_MS));
  }

  async #readFor(
    pool: pg.Pool,
    candidates: readonly Session[],
    held: Held,
    check: Check | null,
  ): Promise<Outcome> {
    const { definitions, changed, failures, served, isOpen, emptyEachMs } = this.#options;
    const start = performance.now();
    const news = this.#options.news(); // A snapshot that begins now has all of it.
    const found = await inSnapshot(pool, (reads) => this.#readAll(reads, candidates, held, check));
    if (found === "definitions") {
      changed(await definitions.load());
      return "again";
    }
    if (found === "waits") return "again";
    const { reading, participants, loaded, checked, blocksAfter } = found;
    const failed = [...reading.changes.values(), ...[...loaded.values()].map((each) => each.failed)]
      .flat()
      .filter(({ operation }) => operation === "failed");
    const failedShapes = new Set(failed.map(({ shape_id }) => shape_id));
    const shared = { ops: new SharedOps(), frames: new SharedFrames(), emptyEachMs: emptyEachMs() };
    for (const session of participants) {
      // It left, or asked for something else meanwhile.
      if (!isOpen(session) || session.isResolving || held.get(session) !== session.revision) continue;
      if ([...session.subscriptions.values()].some(({ form }) => failedShapes.has(form?.shape_id ?? -1))) {
        continue;
      }
      if (session.isSlow) {
        session.isCaughtUp = false; // Its tenant has had what it may by now.
        continue;
      }
      const loads = loaded.get(session) ?? null;
      const tables = loads === null ? [] : session.load!.parts.map(({ form }) => form.table);
      serve(session, reading, shared, loads, checked);
      session.news = news;
      checked?.done();
      if (loads !== null) this.#options.loaded(session, tables);
      session.isCaughtUp = session.served.position >= reading.head || !session.followsRows;
    }
    if (blocksAfter !== null) this.#tops.note(reading.log, participants[0]!.epoch, blocksAfter);
    served(reading, (performance.now() - start) / 1000);
    await failures.note(failed);
    return participants.some((session) => !session.isCaughtUp) ? "again" : "served";
  }

  /** Reads all that these sessions need, in one snapshot. */
  async #readAll(
    reads: SnapshotReads,
    candidates: readonly Session[],
    held: Held,
    check: Check | null,
  ): Promise<"definitions" | "waits" | Found> {
    const { definitions, lost } = this.#options;
    const [{ epoch }] = candidates as [Session];
    const withRows = candidates.filter(({ followsRows }) => followsRows);
    const withBlocks = candidates.filter(({ followsBlocks }) => followsBlocks);
    const after = least(withRows.map(({ served }) => served.position));
    const blocksAfter = least(withBlocks.map(({ served }) => served.blocks));
    const log = await reads.log(after, epoch, blocksAfter, leastEnd(candidates), named(withRows));
    if (log.definitions !== definitions.version) return "definitions";
    const strangers = candidates.filter(
      ({ followsRows, followsBlocks, served, stamps }) =>
        (followsRows && served.position === after && differs(stamps.stamp, log.stamp)) ||
        (followsBlocks && served.blocks === blocksAfter && differs(stamps.blocksStamp, log.blocks_stamp)),
    );
    if (strangers.length > 0) {
      lost(strangers);
      return "waits";
    }
    const to = BigInt(log.to);
    const head = BigInt(log.head);
    if (log.too_large) this.#ask(await largeRows(reads, withRows, after!, to));
    this.#ask(largeBlocks(withBlocks, log.blocks, blocksAfter));
    this.#ask(noted(candidates, log.entries));

    // What is loaded is of `to`: a session further on would miss what came between.
    const isServed = ({ isResolving, followsRows, isLoaded, served: { position } }: Session) =>
      !isResolving && ((!followsRows && !isLoaded) || position <= to || position > head);
    const large = new Set(log.blocks.flatMap((table) => table.large));
    const isLarge = ({ subscriptions }: Session) =>
      large.size > 0 && liveShapes(subscriptions.values()).some((id) => large.has(id));
    const participants = candidates.filter((session) => isServed(session) && !isLarge(session));
    this.#release(held, participants);
    if (participants.length === 0) return "waits";
    const shapes = liveForms(participants);
    const changes = await readChanges(reads, shapes, after, to);
    const blocks = await readBlocks(reads, shapes, log.blocks);
    const areNew: Reading["areNew"] = ({ table }, ranges, from) =>
      this.#tops.areNew(ranges, table, epoch, from);
    const own = await readOwn(reads, participants, log);
    const reading: Reading = { log, to, head, changes, blocks, own, areNew };
    const loaded = await readLoads(reads, participants, reading);
    const [one] = participants;
    const checked = one !== undefined && check?.isDue(one, to) ? await check.read(reads, one, reading) : null;
    return { reading, participants, loaded, checked, blocksAfter };
  }

  #ask(sessions: readonly Session[]): void {
    for (const session of sessions) {
      session.isResolving = true;
      this.#options.resolve(session);
    }
  }

  /** Who is too far ahead of this page is served by another reading, and does not wait for this one. */
  #release(held: Held, participants: readonly Session[]): void {
    const staying = new Set(participants);
    const leaving = [...held.keys()].filter((session) => !staying.has(session));
    for (const session of leaving) {
      held.delete(session);
      session.isBusy = false;
    }
    if (leaving.length > 0) this.#options.released();
  }
}

function formsOf(sessions: readonly Session[]): ShapeForm[] {
  return sessions.flatMap(({ subscriptions }) =>
    [...subscriptions.values()].flatMap(({ form }) => (form === null ? [] : [form])),
  );
}

/** The shapes that some of these have live. */
function liveForms(sessions: readonly Session[]): readonly ShapeForm[] {
  const forms = new Map<number, ShapeForm>();
  for (const { subscriptions } of sessions) {
    for (const { form, mode } of subscriptions.values()) {
      if (form !== null && mode === "live") forms.set(form.shape_id, form);
    }
  }
  return [...forms.values()];
}

/** Tables that are to be loaded anew, or look different from here on: their sessions learn it first. */
function noted(candidates: readonly Session[], entries: Reading["log"]["entries"]): readonly Session[] {
  if (entries.length === 0) return [];
  return candidates.filter((session) => {
    const shapes = liveShapes(session.subscriptions.values());
    const news = entries.filter(
      ({ position, mode, shapes: of }) =>
        !session.isResolving &&
        !session.noted.has(position) &&
        BigInt(position) > (mode === "rows" ? session.served.position : session.served.blocks) &&
        of?.some((id) => shapes.includes(id)),
    );
    for (const { position } of news) session.noted.add(position);
    return news.length > 0;
  });
}

/** Whether an entry is another one than was read: of another past of this server. What is not there any more says nothing. */
function differs(known: string | null, found: string | null): boolean {
  return known !== null && found !== null && known !== found;
}

/**
 * A session whose rows stood goes on with the frame of its load, which is of the moment of the load or later; or with that of
 * its check, likewise.
 */
function leastEnd(candidates: readonly Session[]): bigint | null {
  const [first, ...others] = candidates;
  if (others.length > 0) return null;
  if (first!.isHeld && first!.isLoaded) return first!.load!.settled;
  return first!.waitsForCheck ? (first!.check?.settled ?? null) : null;
}

/** Whose own transactions are asked for; null, for all, where these are so many that one by one would be dearer. */
function named(sessions: readonly Session[]): readonly string[] | null {
  return sessions.length > MOST_NAMED ? null : sessions.map(({ client }) => client);
}

function least(values: readonly bigint[]): bigint | null {
  return values.reduce<bigint | null>(
    (lowest, each) => (lowest === null || each < lowest ? each : lowest),
    null,
  );
}
