import type pg from "pg";

import { failureOf } from "../model/failure.ts";
import { copyOut, TooLong } from "./copy-out.ts";
import type {
  ChangeRow,
  Definitions,
  DirtyTable,
  LogPage,
  LogPoint,
  OwnRow,
  Settling,
  ShapeForm,
  TableSums,
} from "./gateway-answers.ts";
import { oneAnswer } from "./one-answer.ts";

/** Reading what a long absence left may take a while. */
const READ_MS = 120_000;
/** How long a table that somebody has locked is waited for: others wait meanwhile. */
const LOCK_MS = 500;

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

/** Rows of a shape are more than a frame may bring, against what was expected. */
export class TooManyRows extends Error {
  override readonly name = "TooManyRows";
  readonly form: ShapeForm;

  constructor(form: ShapeForm, cause: unknown) {
    super(`the rows of the shape ${form.name} are more than a frame may bring`, { cause });
    this.form = form;
  }
}

/** What a gateway reads, within one snapshot of the database. */
export class SnapshotReads {
  readonly #client: pg.ClientBase;
  /** Of questions that several loads have in common: the snapshot answers them once. */
  readonly #answers = new Map<string, Promise<unknown>>();

  constructor(client: pg.ClientBase) {
    this.#client = client;
  }

  /**
   * Null: nothing about rows, or about datasets. `least`: the page goes up to there at least. `clients`: whose own transactions
   * are named; null: of all. Throws SY406 where the log does not go on from there.
   */
  log(
    after: bigint | null,
    epoch: string,
    blocksAfter: bigint | null,
    least: bigint | null = null,
    clients: readonly string[] | null = [],
  ): Promise<LogPage> {
    return oneAnswer(
      this.#client,
      "ampsync_worker.read_log($1, $2, $3, $4, $5)",
      [after, epoch, blocksAfter, clients, least],
      READ_MS,
    );
  }

  /** Which of these shapes of rows cannot be followed from `after` to `to` in one frame. */
  large(shapes: readonly number[], after: bigint, to: bigint): Promise<readonly number[]> {
    const values = [shapes, after, to];
    const call = "ampsync_worker.large_shapes($1, $2, $3)";
    return this.#once(call, values, () => oneAnswer(this.#client, call, values, READ_MS));
  }

  /** Where the datasets of these shapes stand. */
  datasets(shapes: readonly number[]): Promise<LogPage["datasets"]> {
    const call = "ampsync_worker.dataset_standings($1)";
    return this.#once(call, [shapes], () => oneAnswer(this.#client, call, [shapes]));
  }

  definitions(): Promise<Definitions> {
    return oneAnswer(this.#client, "ampsync_worker.shape_definitions()", []);
  }

  point(): Promise<LogPoint> {
    return oneAnswer(this.#client, "ampsync_worker.log_point()", []);
  }

  async changes(shapes: readonly number[], after: bigint, to: bigint): Promise<ChangeRow[]> {
    return await this.#rows("select * from ampsync_worker.read_shapes($1, $2, $3)", [shapes, after, to]);
  }

  /** Changes at or below `to` that the snapshot of a load does not hold. */
  async unseen(shape: number, visible: string, settled: bigint, to: bigint): Promise<ChangeRow[]> {
    const text = "select * from ampsync_worker.read_shapes($1, null, $2, $3, $4)";
    const values = [[shape], to, settled, visible];
    return await this.#once(text, values, () => this.#rows(text, values));
  }

  /** Rows of these shapes that the authors of the transactions at these positions have but for some columns. */
  async own(shapes: readonly number[], positions: readonly bigint[]): Promise<OwnRow[]> {
    const text = "select * from ampsync_worker.own_rows($1, $2)";
    const query = { text, values: [shapes, positions], query_timeout: READ_MS };
    return (await this.#client.query<OwnRow>(query)).rows;
  }

  /** By client: its own transactions at or below `to` that it has with its load. */
  settled(loads: readonly Settling[], to: bigint): Promise<Readonly<Record<string, readonly string[]>>> {
    return oneAnswer(this.#client, "ampsync_worker.settled_by_loads($1, $2)", [JSON.stringify(loads), to]);
  }

  /** What these instances hold, as clients compute it of their tables. */
  async sums(
    instances: readonly { readonly shape: number; readonly keys: readonly string[] }[],
  ): Promise<TableSums[]> {
    const text = `select shape_id, columns, low::text, rows::text, sum from ampsync_worker.check_sums($1)`;
    const query = { text, values: [JSON.stringify(instances)], query_timeout: READ_MS };
    return (await this.#client.query<TableSums>(query)).rows;
  }

  /**
   * Rows of a shape as COPY text; the first field is the key of the instance. Null: all ranges, or all instances.
   * Throws FilterFailed, and TooManyRows, after which nothing more can be read.
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
      const text = `copy (select * from ${call} as r(${form.row_type})) to stdout`;
      // What is read is expected to fit; the statistics by which it is may be old.
      return await copyOut(this.#client, text, form.most_bytes);
    } catch (error) {
      if (error instanceof TooLong) throw new TooManyRows(form, error);
      throw failureOf(error).code === "SY414" ? new FilterFailed(form, error) : error;
    }
  }

  #once<T>(text: string, values: readonly unknown[], ask: () => Promise<T>): Promise<T> {
    const name = [text, ...values].join(" ");
    const known = this.#answers.get(name) as Promise<T> | undefined;
    const answer = known ?? ask();
    this.#answers.set(name, answer);
    return answer;
  }

  async #rows(text: string, values: readonly unknown[]): Promise<ChangeRow[]> {
    const query = { text, values: [...values], query_timeout: READ_MS };
    return (await this.#client.query<ChangeRow>(query)).rows;
  }
}

/** Runs reads in one snapshot. Throws 55P03 where somebody has locked what they need for longer than LOCK_MS. */
export async function inSnapshot<T>(pool: pg.Pool, work: (reads: SnapshotReads) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query(
      `begin isolation level repeatable read read only; set local lock_timeout = ${LOCK_MS}`,
    );
    const result = await work(new SnapshotReads(client));
    // It has changed nothing: nobody needs to wait for its end.
    client.query("commit").then(
      () => client.release(),
      () => client.release(true),
    );
    return result;
  } catch (error) {
    client.release(true); // Whatever state it is in.
    throw error;
  }
}
