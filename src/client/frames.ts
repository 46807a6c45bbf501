import type { FromClient } from "../wire/from-client.ts";
import type { Frame } from "../wire/from-gateway.ts";
import { type Applied, applyFrame, type Moved, RefusedOperation } from "./apply.ts";
import type { Answer } from "./compare.ts";
import { type Database, isOfTheStore } from "./database.ts";
import type { Housekeeping } from "./housekeeping.ts";
import type { Lag } from "./lag.ts";
import type { LiveQueries } from "./live.ts";
import { dropStages } from "./stage.ts";
import { dropStaged, StageDiffers } from "./stage-tables.ts";
import type { Storing } from "./storing.ts";
import { failTable, unappliable } from "./subscriptions.ts";
import type { Tables } from "./tables.ts";
import type { Turns } from "./turns.ts";

/** An apply of so much text may take longer than a gateway waits, unless it is told. */
const LONG_LENGTH = 4 * 2 ** 20;
const MANY_ROWS = 20_000;

export interface FramesParts {
  readonly pg: Database;
  readonly tables: Tables;
  readonly turns: Turns;
  readonly live: LiveQueries;
  readonly lag: Lag;
  readonly storing: Storing;
  readonly housekeeping: Housekeeping;
  /** Whether the store takes what it is given: else frames are left to come again. */
  readonly isWell: () => boolean;
  readonly isLoading: () => boolean;
  readonly failedTables: () => ReadonlySet<string>;
  readonly send: (message: FromClient) => void;
  /** How the store stands has changed; null: it is to be read. */
  readonly changed: (moved: Moved | null) => Promise<void>;
  /** A subscription is gone: its table may be another's now. */
  readonly freed: () => void;
  readonly failed: (error: unknown) => void;
  /** Of tables that were compared with the server's. */
  readonly answered: (answers: readonly Answer[]) => void;
  /** The store took nothing: full, or gone. */
  readonly notStored: (error: unknown) => void;
}

interface Done {
  readonly frame: Frame;
  readonly applied: Applied & { readonly kind: "applied" };
}

/** Frames into tables: one transaction each, shown to live queries, stored, and only then acknowledged. */
export class Frames {
  readonly #parts: FramesParts;

  constructor(parts: FramesParts) {
    this.#parts = parts;
  }

  /** False: one of them does not begin where the tables stand; those before it are applied. */
  apply(frames: readonly Frame[], epoch: string, isCurrent: () => boolean): Promise<boolean> {
    return this.#parts.turns.take(async () => {
      try {
        return !isCurrent() || !this.#parts.isWell() || (await this.#apply(frames, epoch));
      } catch (error) {
        if (!isOfTheStore(error)) throw error;
        this.#parts.notStored(error);
        return true;
      }
    });
  }

  async #apply(frames: readonly Frame[], epoch: string): Promise<boolean> {
    const { live, housekeeping, changed } = this.#parts;
    const done: Done[] = [];
    const shown = new Set<string>();
    let isGap = false;
    try {
      for (const frame of frames) {
        if (isLong(frame)) this.#parts.send({ t: "busy" });
        const applied = await this.#applyOne(frame, epoch);
        isGap = applied.kind === "gap";
        if (applied.kind === "gap") break;
        for (const table of applied.tables) shown.add(table);
        done.push({ frame, applied });
      }
    } finally {
      // What came together is shown together: each state is one of the server, and the last one is not waited for.
      if (shown.size > 0) await live.changed(shown);
    }
    const last = done.at(-1);
    if (last !== undefined) this.#acknowledge(last.frame);
    const answers = done.flatMap(({ applied }) => applied.answers);
    if (isGap || last === undefined) {
      this.#parts.answered(answers);
      return !isGap;
    }
    this.#parts.lag.applied(last.frame);
    await changed(done.every(({ applied }) => applied.isPlain) ? last.applied.place : null);
    this.#parts.answered(answers);
    if (frames.some(({ gone }) => gone.length > 0)) this.#parts.freed();
    const loads = frames.flatMap(({ ops }) => ops.filter(({ op }) => op === "load"));
    const loaded = new Set(loads.flatMap((op) => ("table" in op ? [op.table] : [])));
    const there = [...loaded].filter((table) => this.#parts.tables.get(table) !== null);
    await housekeeping.tend(there, last.applied.wal);
    if (loaded.size > 0 && !this.#parts.isLoading()) await dropStages(this.#parts.pg);
    return true;
  }

  /** What a table refuses twice, it will refuse for ever: it fails, and the others go on. */
  async #applyOne(frame: Frame, epoch: string): Promise<Applied> {
    const { pg, tables, failedTables } = this.#parts;
    const refused = new Set<string>();
    const hopeless = new Set<string>();
    for (;;) {
      try {
        return await applyFrame(pg, tables, failedTables(), epoch, frame, hopeless);
      } catch (error) {
        if (error instanceof StageDiffers) await pg.transaction((tx) => dropStaged(tx, error.snapshot));
        if (!(error instanceof RefusedOperation) || hopeless.has(error.table)) throw error;
        if (refused.has(error.table)) {
          await this.#fail(error);
          hopeless.add(error.table);
        }
        refused.add(error.table);
      }
    }
  }

  async #fail(error: RefusedOperation): Promise<void> {
    const { pg, failedTables, changed } = this.#parts;
    await pg.transaction((tx) => failTable(tx, error.table, unappliable(error.table, error.message)));
    await changed(null);
    // Of no subscription that could fail: then nothing here can help.
    if (!failedTables().has(error.table)) throw error;
  }

  #acknowledge(frame: Frame): void {
    const { storing, send, notStored } = this.#parts;
    storing.soon().then(
      () => send({ t: "ack", position: frame.to, blocks: frame.blocks[1] }),
      (error) => notStored(error),
    );
  }
}

function isLong(frame: Frame): boolean {
  let length = 0;
  for (const op of frame.ops) {
    if (op.op === "load" && (op.snapshots ?? []).length > 0) return true;
    if ("rows" in op && typeof op.rows === "string") length += op.rows.length;
    if (op.op === "check" && Number(op.rows) > MANY_ROWS) return true;
    if (op.op === "blocks") length += op.copy.length;
  }
  return length > LONG_LENGTH;
}
