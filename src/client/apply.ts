import type { Frame } from "../wire/from-gateway.ts";
import type { Op } from "../wire/ops.ts";
import { type Answer, compare, forget } from "./compare.ts";
import { copy, type Database, isOfTheStore, type Transaction } from "./database.ts";
import { Left } from "./left.ts";
import { becomeTable } from "./stage-swap.ts";
import { checkStage, dropStaged, StageDiffers, stageOf } from "./stage-tables.ts";
import type { Standing } from "./standing.ts";
import * as statements from "./statements.ts";
import { followForm, makeTable, remakeTable, type Tables } from "./tables.ts";

/** What each frame changes of what a store says of itself. */
export type Moved = Pick<Standing, "epoch" | "position" | "stamp" | "blocks" | "blocksStamp" | "phase">;

export type Applied =
  | {
      readonly kind: "applied";
      readonly tables: ReadonlySet<string>;
      readonly answers: readonly Answer[];
      readonly place: Moved;
      /** False: what the store says of subscriptions may be another now, too. */
      readonly isPlain: boolean;
      /** Bytes of WAL that were written since the store was made, when this began. */
      readonly wal: bigint;
    }
  /** The frame does not begin where the tables stand: nothing was done. */
  | { readonly kind: "gap" };

/** An operation that the database refuses, and the table that it was for. */
export class RefusedOperation extends Error {
  override readonly name = "RefusedOperation";
  readonly table: string;

  constructor(table: string, cause: unknown) {
    super(`${table}: ${withoutData(cause)}`);
    this.table = table;
  }
}

/** What a database says of a value (class 22) shows the value. */
function withoutData(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const text = typeof message === "string" ? message : String(error);
  return typeof code === "string" && code.startsWith("22") ? text.replace(/".*"/s, '"…"') : text;
}

/** Tables that have failed, and are passed over until they are loaded anew. */
export type Failed = ReadonlySet<string>;
const NONE: Failed = new Set();

/**
 * One frame, one transaction: rows, position and stamps are there together or not at all. Whatever throws leaves both as they
 * were. Not in the store yet when it returns: that is `storeAll`, which several frames may share. `hopeless`: tables that
 * have refused this very frame; what it brings of them is passed over, a load too.
 */
export async function applyFrame(
  pg: Database,
  tables: Tables,
  failed: Failed,
  epoch: string,
  frame: Frame,
  hopeless: Failed = NONE,
): Promise<Applied> {
  const changed = new Set<string>();
  try {
    return await pg.transaction(async (tx): Promise<Applied> => {
      const begun = await beginApply(tx, frame, epoch);
      if (begun === null) {
        await tx.rollback();
        return { kind: "gap" };
      }
      const apply = new Apply(tx, tables);
      const passed = new Set(failed);
      const answers: Answer[] = [];
      for (const op of frame.ops) {
        if (op.op === "load" && op.where === null && !hopeless.has(op.table)) passed.delete(op.table);
        const isPassed = tablesOf(op).every((table) => passed.has(table));
        if (op.op === "check") {
          answers.push(await compare(tx, isPassed ? null : tables.get(op.table), op));
          continue;
        }
        if (isPassed) continue;
        await apply.run(op);
        for (const table of tablesOf(op)) changed.add(table);
      }
      const left = await Left.begin(tx, frame);
      const phase = (await endApply(tx, frame, hopeless)) ?? begun.phase;
      for (const table of await left.empty(tx, tables)) changed.add(table);
      const { to: position, stamp, blocks_stamp: blocksStamp } = frame;
      const place = { epoch, position, stamp, blocks: frame.blocks[1], blocksStamp, phase };
      return {
        kind: "applied",
        tables: changed,
        answers,
        place,
        isPlain: isPlain(frame),
        wal: BigInt(begun.wal),
      };
    });
  } catch (error) {
    // What was made is undone: the forms too.
    await tables.read(pg);
    throw error;
  }
}

/** Of what a frame that only moves rows leaves as it was, nothing has to be read again. */
function isPlain({ ops, ...frame }: Frame): boolean {
  const others = ["load", "migrate", "check"];
  return !isOfSubscriptions(frame) && !ops.some(({ op }) => others.includes(op));
}

function isOfSubscriptions({ live, followed, gone, emptied }: Omit<Frame, "ops">): boolean {
  return live.length + followed.length + gone.length + emptied.length > 0;
}

interface Begun {
  readonly phase: Standing["phase"];
  readonly wal: string;
}

/** Moves the store on, and lets this transaction write; null: the frame does not fit, and nothing was done. */
async function beginApply(tx: Transaction, frame: Frame, epoch: string): Promise<Begun | null> {
  const { from, to, stamp, blocks_stamp, live } = frame;
  const [low, high] = frame.blocks;
  const values = [epoch, from, to, stamp, low, high, blocks_stamp, String(live.length > 0)];
  const types = ["uuid", "bigint", "bigint", "bigint", "bigint", "bigint", "bigint", "boolean"];
  const list = types.map((type) => `${statements.VALUE}::${type}`).join(", ");
  const [begun] = await statements.run<Begun>(tx, {
    sql: `select phase, wal from ampsync.move(${list})`,
    values,
  });
  return begun ?? null;
}

/** What became of subscriptions; null: nothing. */
async function endApply(tx: Transaction, frame: Frame, hopeless: Failed): Promise<Begun["phase"] | null> {
  if (!isOfSubscriptions(frame)) return null;
  for (const { id, definition } of frame.live) {
    await tx.query(
      `update ampsync.shape set phase = 'live', definition = $2, holds = table_name, error = null
        where id = $1 and phase <> 'leaving' and not coalesce(table_name = any ($3::text[]), false)`,
      [id, definition, [...hopeless]],
    );
  }
  for (const { id, definition } of frame.followed) {
    // Not of what is to be loaded anew: that has none.
    await tx.query(
      `update ampsync.shape set definition = $2 where id = $1 and phase = 'live' and definition <> ''`,
      [id, definition],
    );
  }
  if (frame.emptied.length > 0) {
    await tx.query("update ampsync.shape set definition = null, holds = null where id = any ($1::text[])", [
      frame.emptied,
    ]);
  }
  if (frame.gone.length > 0) {
    await tx.query("delete from ampsync.shape where id = any ($1::text[])", [frame.gone]);
  }
  const { rows } = await tx.query<Pick<Begun, "phase">>(
    `update ampsync.state
        set phase = case when exists (select from ampsync.shape where phase = 'loading') then phase else 'live' end
     returning phase`,
  );
  return rows[0]!.phase;
}

/** The operations of one frame, in their order. */
class Apply {
  readonly #tx: Transaction;
  readonly #tables: Tables;

  constructor(tx: Transaction, tables: Tables) {
    this.#tx = tx;
    this.#tables = tables;
  }

  async run(op: Op): Promise<void> {
    try {
      await this.#run(op);
    } catch (error) {
      throw isOfTheStore(error) || error instanceof StageDiffers
        ? error
        : new RefusedOperation(tablesOf(op)[0] ?? op.op, error);
    }
  }

  async #run(op: Op): Promise<void> {
    switch (op.op) {
      case "upsert":
        return this.#do(statements.upsert(this.#table(op.table), op.rows));
      case "update":
        return this.#update(op);
      case "delete":
        return this.#do(statements.remove(this.#table(op.table), op.keys));
      case "truncate":
        return this.#do(statements.clear(this.#table(op.table), null));
      case "drop":
        return this.#do(statements.clear(this.#table(op.table), op.where));
      case "blocks":
        return this.#blocks(op);
      case "load":
        return this.#load(op);
      case "dataset":
        return this.#dataset(op);
      case "migrate":
        return this.#migrate(op);
      case "check":
        throw new Error("a check changes nothing");
    }
  }

  async #update(op: Op & { op: "update" }): Promise<void> {
    const table = this.#table(op.table);
    const columns = table.columns.filter(({ name }) => op.columns.includes(name));
    if (columns.length > table.key.length) await this.#do(statements.update(table, columns, op.rows));
  }

  /** The ranges are replaced as a whole: what they held goes, what they hold comes, and nobody sees what lies between. */
  async #blocks(op: Op & { op: "blocks" }): Promise<void> {
    const table = this.#table(op.table);
    for (const [from, to] of op.ranges) {
      await this.#do(statements.removeBlocks(table, BigInt(from), to === null ? null : BigInt(to)));
    }
    const columns = table.columns.map(({ name }) => name);
    if (op.copy !== "") await copy(this.#tx, statements.copyInto(table.name, columns), op.copy);
    if (op.trim !== null) await this.#do(statements.removeBlocks(table, 0n, BigInt(op.trim) - 1n));
  }

  async #load(op: Op & { op: "load" }): Promise<void> {
    const form = this.#tables.formToCome(op.table);
    if (form !== null && op.where === null) {
      // Only what this client has made is its own to drop.
      const isOurs = this.#tables.get(op.table) !== null;
      await (isOurs ? remakeTable(this.#tx, form) : makeTable(this.#tx, form));
      await this.#tables.read(this.#tx);
    } else {
      await this.#do(statements.clear(this.#table(op.table), op.where));
    }
    const table = this.#table(op.table);
    for (const snapshot of op.snapshots ?? []) {
      await checkStage(this.#tx, snapshot);
      const isTable = await becomeTable(this.#tx, snapshot, table.name);
      if (!isTable) await this.#do(statements.fromStage(table, stageOf(snapshot)));
      await dropStaged(this.#tx, snapshot);
    }
    if (op.where === null) await forget(this.#tx, op.table);
    if (op.rows !== null) await this.#do(statements.upsert(table, op.rows));
  }

  async #dataset(op: Op & { op: "dataset" }): Promise<void> {
    await this.#do({
      sql: `delete from ampsync.dataset where dataset = ${statements.VALUE} and not ${statements.VALUE}::jsonb ? table_name`,
      values: [op.dataset, JSON.stringify(op.tables)],
    });
    await this.#do({
      sql: `insert into ampsync.dataset (dataset, table_name, block, cut)
            select ${statements.VALUE}, t.key, t.value::bigint, ${statements.VALUE}::bigint from jsonb_each_text(${statements.VALUE}::jsonb) t
            on conflict (dataset, table_name) do update set block = excluded.block, cut = excluded.cut`,
      values: [op.dataset, op.cut, JSON.stringify(op.tables)],
    });
  }

  async #migrate(op: Op & { op: "migrate" }): Promise<void> {
    for (const statement of op.statements) await this.#tx.exec(statement);
    for (const name of op.tables) {
      const form = this.#tables.formToCome(name);
      if (form !== null) await followForm(this.#tx, form);
    }
    await this.#tx.query("update ampsync.state set schema_version = $1", [op.version]);
    await this.#tables.read(this.#tx);
  }

  async #do(statement: statements.Statement): Promise<void> {
    await statements.run(this.#tx, statement);
  }

  #table(name: string): statements.Table {
    const table = this.#tables.get(name);
    if (table === null) throw new Error("no gateway has announced this table");
    return table;
  }
}

function tablesOf(op: Op): readonly string[] {
  return "table" in op ? [op.table] : op.op === "migrate" ? op.tables : ["ampsync.dataset"];
}
