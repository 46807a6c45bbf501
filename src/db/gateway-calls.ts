import type pg from "pg";

import { failureOf } from "../model/failure.ts";
import { cleanText } from "../model/foreign-text.ts";
import { copyOut } from "./copy-out.ts";

/** 64-bit numbers of answers in JSON are strings. */
type Text64 = string;

/** A shape as all gateways have it in memory, and the table that clients make for it. */
export interface ShapeForm {
  readonly shape_id: number;
  readonly name: string;
  /** As SQL spells it: "public.todos". */
  readonly table: string;
  readonly mode: "rows" | "blocks";
  readonly dataset: string | null;
  readonly state: "live" | "failed";
  readonly error: { readonly code: string; readonly message: string; readonly hint: string | null } | null;
  readonly definition: string;
  readonly table_definition: string;
  readonly published_state: string;
  readonly floor: Text64 | null;
  /** Bound columns, in the order of an instance's key. */
  readonly bound: readonly string[];
  readonly columns: readonly string[];
  readonly key: readonly string[];
  readonly ddl: readonly string[];
  readonly block_column: string | null;
  /** The list of columns that `shape_rows` is read with. */
  readonly row_type: string;
}

export interface Definitions {
  readonly definitions: string;
  readonly shapes: readonly ShapeForm[];
}

export interface DirtyTable {
  readonly table: string;
  /** Null: of none. */
  readonly shapes: readonly number[] | null;
  readonly ranges: readonly (readonly [Text64, Text64 | null])[];
}

/** What lies in the log above what the sessions of a reading have. */
export interface LogPage {
  readonly head: Text64;
  /** The last position of this page. */
  readonly to: Text64;
  readonly stamp: Text64 | null;
  readonly to_stamp: Text64 | null;
  readonly head_stamp: Text64 | null;
  readonly at: string | null;
  readonly now: string;
  readonly schema: string;
  readonly definitions: string;
  /** The rows of this page are more than a frame may hold. */
  readonly too_large: boolean;
  readonly entries: readonly {
    readonly position: Text64;
    readonly kind: "schema" | "floor";
    readonly mode: "rows" | "blocks";
    readonly shapes: readonly number[];
  }[];
  readonly blocks: readonly DirtyTable[];
  readonly datasets: readonly {
    readonly dataset: string;
    readonly cut: Text64 | null;
    readonly tables: Readonly<Record<string, Text64 | null>>;
  }[];
  readonly low: Readonly<Record<string, Text64>>;
}

export interface ChangeRow {
  readonly position: bigint;
  readonly seq: number;
  readonly shape_id: number;
  readonly operation: string;
  /** The instance that held the old row, and the one that holds the new one. */
  readonly was: string | null;
  readonly is: string | null;
  /** Of the row: a JSON array of texts; null: of a TRUNCATE. */
  readonly key: string | null;
  /** The new row as a JSON object. */
  readonly data: string | null;
  /** Columns that `data` lacks. */
  readonly unchanged: readonly string[] | null;
}

/** What becomes of a wish. */
export interface WishAnswer {
  readonly id: string;
  readonly shape_id: number | null;
  readonly mode: "resume" | "load" | "failed";
  readonly table: string | null;
  readonly reason: string | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly hint: string | null;
  readonly definition: string | null;
  readonly keys: readonly string[];
  /** The whole table is replaced, whatever else of it is there. */
  readonly whole: boolean;
  /** Its table is not there yet. */
  readonly waits: boolean;
}

export interface Opened {
  readonly generation: Text64;
  readonly epoch: string;
  readonly head: Text64;
  readonly now: string;
  readonly schema: string;
  readonly last_seq: Text64;
  readonly unknown: readonly string[];
  readonly definitions: string;
  readonly shapes: readonly WishAnswer[];
}

export interface Resolved {
  readonly definitions: string;
  readonly shapes: readonly WishAnswer[];
}

/** A moment of the database, and what was visible in it. */
export interface LogPoint {
  readonly epoch: string;
  readonly position: Text64;
  readonly visible: string;
}

export interface Prepared {
  readonly key: string;
  /** The gateway reads these rows itself. */
  readonly small: boolean;
  readonly snapshot: string;
  readonly state: "queued" | "building" | "ready" | "failed";
  /** The form of the table that its chunks are of. */
  readonly form: string;
  readonly epoch: string;
  readonly position: Text64;
  readonly settled: Text64 | null;
  readonly visible: string;
  readonly rows: Text64;
  readonly checksum: string | null;
  readonly chunks: readonly {
    readonly n: number;
    readonly rows: number;
    readonly bytes: number;
    readonly xxh64: string;
  }[];
}

/** Nothing of a shape can be read, since its filter fails on a row. */
export class FilterFailed extends Error {
  override readonly name = "FilterFailed";
  readonly form: ShapeForm;
  /** Of the row. */
  readonly key: string | null;
  readonly sqlState: string;

  constructor(form: ShapeForm, cause: unknown) {
    super(`the filter of the shape ${form.name} fails on a row`, { cause });
    const { message, detail } = failureOf(cause);
    this.form = form;
    this.key = detail;
    this.sqlState = /\(([0-9A-Z]{5})\)$/.exec(message)?.[1] ?? "";
  }
}

export interface ToClose {
  readonly client: string;
  readonly why: string;
}

const ANSWER_MS = 30_000;
/** Reading what a long absence left may take a while. */
const READ_MS = 120_000;

async function one<T>(
  on: pg.Pool | pg.ClientBase,
  call: string,
  values: readonly unknown[],
  answerMs = ANSWER_MS,
): Promise<T> {
  const query = { text: `select ${call} as answer`, values: [...values], query_timeout: answerMs };
  const { rows } = await (on as pg.Pool).query<{ answer: T }>(query);
  return rows[0]!.answer;
}

/** Texts of clients as JSON that PostgreSQL takes, whatever is in them. */
function clean(value: object): string {
  return JSON.stringify(value, (_, member) => (typeof member === "string" ? cleanText(member) : member));
}

/** The functions that a gateway calls, each in a transaction of its own. */
export class GatewayCalls {
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  openSession(gateway: string, client: string, token: object, hello: object): Promise<Opened> {
    return one(this.#pool, "ampsync_worker.open_session($1, $2, $3, $4)", [
      ...[gateway, client],
      ...[clean(token), clean(hello)],
    ]);
  }

  resolveShapes(client: string, generation: string, token: object, hello: object): Promise<Resolved> {
    const values = [client, generation, clean(token), clean(hello)];
    return one(this.#pool, "ampsync_worker.resolve_shapes($1, $2, $3, $4)", values);
  }

  async closeSession(gateway: string, client: string, generation: string, state: object): Promise<void> {
    await one(this.#pool, "ampsync_worker.close_session($1, $2, $3, $4)", [
      gateway,
      client,
      generation,
      clean(state),
    ]);
  }

  async beat(gateway: string, info: object): Promise<void> {
    await one(this.#pool, "ampsync_worker.beat_gateway($1, $2)", [gateway, clean(info)]);
  }

  reportSessions(gateway: string, sessions: readonly object[]): Promise<readonly ToClose[]> {
    const values = [gateway, clean(sessions)];
    return one(this.#pool, "ampsync_worker.report_sessions($1, $2)", values);
  }

  async endGateway(gateway: string): Promise<void> {
    await one(this.#pool, "ampsync_worker.end_gateway($1)", [gateway]);
  }

  /** What each instance is loaded from. Asked again while something of it is not ready. */
  ensureSnapshots(client: string, shape: number, keys: readonly string[]): Promise<readonly Prepared[]> {
    return one(this.#pool, "ampsync_worker.ensure_snapshot($1, $2, $3)", [client, shape, keys]);
  }

  async chunk(snapshot: string, n: number, token: object): Promise<{ status: number; body: Buffer | null }> {
    const { rows } = await this.#pool.query({
      text: "select status, body from ampsync_worker.snapshot_chunk($1, $2, $3)",
      values: [snapshot, n, clean(token)],
      query_timeout: ANSWER_MS,
    } as pg.QueryConfig);
    return rows[0];
  }

  /** Nothing happens where the shape is another one by now. */
  async failShape({ shape_id, definition }: ShapeForm, key: string | null, sqlState: string): Promise<void> {
    const values = [shape_id, definition, key, sqlState];
    await one(this.#pool, "ampsync_worker.fail_shape($1, $2, $3, $4)", values);
  }

  /** Raises the lower edges of these shapes where that is due. */
  async raiseLow(shapes: readonly number[]): Promise<void> {
    await one(this.#pool, "ampsync_worker.raise_low($1)", [shapes]);
  }

  /** Resolves to a position at which the log has all that was committed before the call. */
  async settled(): Promise<bigint> {
    await this.#pool.query({
      text: "call ampsync.wait_for_capture()",
      query_timeout: ANSWER_MS,
    } as pg.QueryConfig);
    return await one<bigint>(this.#pool, "ampsync.head()", []);
  }
}

/** The same of reads, within one snapshot of the database. */
export class SnapshotReads {
  readonly #client: pg.ClientBase;

  constructor(client: pg.ClientBase) {
    this.#client = client;
  }

  /** Null: nothing about rows, or about datasets. Throws SY406 where the log does not go on from there. */
  log(after: bigint | null, epoch: string, blocksAfter: bigint | null): Promise<LogPage> {
    return one(this.#client, "ampsync_worker.read_log($1, $2, $3)", [after, epoch, blocksAfter], READ_MS);
  }

  definitions(): Promise<Definitions> {
    return one(this.#client, "ampsync_worker.shape_definitions()", []);
  }

  point(): Promise<LogPoint> {
    return one(this.#client, "ampsync_worker.log_point()", []);
  }

  async changes(shapes: readonly number[], after: bigint, to: bigint): Promise<ChangeRow[]> {
    return await this.#rows("select * from ampsync_worker.read_shapes($1, $2, $3)", [shapes, after, to]);
  }

  /** Changes at or below `to` that the snapshot of a load does not hold. */
  async unseen(shape: number, visible: string, settled: bigint, to: bigint): Promise<ChangeRow[]> {
    const text = "select * from ampsync_worker.read_unseen($1, $2, $3, null, $4)";
    return await this.#rows(text, [[shape], visible, settled, to]);
  }

  /**
   * Rows of a shape as COPY text; the first field is the key of the instance. Null: all ranges, or all instances.
   * Throws FilterFailed.
   */
  async copy(
    form: ShapeForm,
    ranges: DirtyTable["ranges"] | null,
    keys: readonly string[] | null,
  ): Promise<string> {
    const { rows } = await this.#client.query(
      "select quote_nullable($1::jsonb::text) as ranges, quote_nullable($2::text[]::text) as keys",
      [ranges === null ? null : JSON.stringify(ranges), keys],
    );
    const [{ ranges: rangesText, keys: keysText }] = rows;
    const call = `ampsync_worker.shape_rows(${form.shape_id}, ${rangesText}::jsonb, ${keysText}::text[])`;
    try {
      return await copyOut(this.#client, `copy (select * from ${call} as r(${form.row_type})) to stdout`);
    } catch (error) {
      throw failureOf(error).code === "SY414" ? new FilterFailed(form, error) : error;
    }
  }

  async #rows(text: string, values: readonly unknown[]): Promise<ChangeRow[]> {
    const query = { text, values: [...values], query_timeout: READ_MS };
    return (await this.#client.query<ChangeRow>(query)).rows;
  }
}

/** Runs reads in one snapshot. */
export async function inSnapshot<T>(pool: pg.Pool, work: (reads: SnapshotReads) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("begin isolation level repeatable read read only");
    const result = await work(new SnapshotReads(client));
    await client.query("commit");
    client.release();
    return result;
  } catch (error) {
    client.release(true); // Whatever state it is in.
    throw error;
  }
}
