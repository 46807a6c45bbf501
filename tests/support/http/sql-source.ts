import type pg from "pg";

import { failureOf } from "../../../src/model/failure.ts";
import { enqueueHttp } from "../postgres/http-source.ts";
import type { Connection } from "../postgres/sql-stream.ts";

/** A definition as people write it; the defaults are those of a small source with a cursor. */
export type Definition = Readonly<Record<string, unknown>>;

export interface SourceOptions {
  readonly name?: string;
  readonly source?: Definition;
  readonly valuePolicy?: "fail" | "null" | "quarantine";
}

/** One page of a commit, as the API served it: each record is the text of its JSON. */
export interface Page {
  readonly records: readonly string[];
  /** The position the next request is made from; by default a token that counts. */
  readonly next?: unknown;
  readonly done?: boolean;
  readonly part?: number;
  /** It was asked for again, as the position behind it has expired. */
  readonly again?: boolean;
}

const EVENTS: Definition = {
  url: "https://api.example.com/events",
  pages: { type: "cursor", param: "cursor", next: "/next" },
  records: "/data",
  key: ["id"],
  columns: {
    id: "text",
    type: "text",
    at: "timestamptz",
    data: { from: "", type: "jsonb", not_null: true },
  },
};

/** The text of a record; what is given last wins. */
export function record(id: string | number, fields: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ id: String(id), ...fields });
}

/** Records with these ids. */
export function records(from: number, to: number, fields: Readonly<Record<string, unknown>> = {}): string[] {
  return Array.from({ length: to - from + 1 }, (_, n) => record(from + n, fields));
}

/** One HTTP source, moved by hand through the calls that a worker makes. */
export class SqlSource {
  readonly id: string;
  readonly name: string;
  epoch: string;
  readonly #db: Connection;
  /** Of each part: what its next request is made from, how far it is, and what its last page with records was asked with. */
  readonly #parts: Map<number, { position: unknown; pages: number }>;
  staging = "";

  private constructor(
    db: Connection,
    id: string,
    name: string,
    epoch: string,
    parts: Map<number, { position: unknown; pages: number }> = new Map(),
  ) {
    this.#db = db;
    this.id = id;
    this.name = name;
    this.epoch = epoch;
    this.#parts = parts;
  }

  /** Defined, without lease and target. */
  static async define(db: Connection, options: SourceOptions = {}): Promise<SqlSource> {
    const { name = "events", source = {}, valuePolicy = "fail" } = options;
    await enqueueHttp(db, {
      dataset: name,
      source: { ...EVENTS, ...source },
      more: `target => 'public.${name}', value_policy => '${valuePolicy}'`,
    });
    const { rows } = await db.query("select stream_id from ampsync.streams s where s.dataset = $1", [name]);
    return new SqlSource(db, rows[0].stream_id, name, "0");
  }

  /** With a lease, a target and staging. */
  static async prepare(db: Connection, options: SourceOptions = {}): Promise<SqlSource> {
    const source = await SqlSource.define(db, options);
    await source.acquire();
    await source.begin();
    return source;
  }

  /** The same source and epoch through another connection. */
  through(db: Connection): SqlSource {
    const source = new SqlSource(db, this.id, this.name, this.epoch, this.#parts);
    source.staging = this.staging;
    return source;
  }

  async acquire(worker = "worker-1"): Promise<void> {
    const { rows } = await this.#db.query("select epoch from ampsync_worker.acquire_lease($1, $2)", [
      this.id,
      worker,
    ]);
    this.epoch = rows[0]?.epoch ?? this.epoch;
  }

  /** The row of begin_ingest; from now on the positions are those it names. */
  async begin() {
    const { rows } = await this.#db.query("select * from ampsync_worker.begin_ingest($1, $2)", [
      this.id,
      this.epoch,
    ]);
    const row = rows[0];
    this.staging = `${row.staging_schema}.${row.staging_table}`;
    for (const { part, position, pages } of row.parts) {
      this.#parts.set(Number(part), { position, pages: Number(pages) });
    }
    return row;
  }

  async beginApply(): Promise<void> {
    await this.#db.query("call ampsync_worker.begin_apply($1, $2)", [this.id, this.epoch]);
  }

  /** What COPY does: the records of a commit, numbered from 0. */
  async stage(texts: readonly string[]): Promise<void> {
    await this.#db.query(
      `insert into ${this.staging} (n, record)
       select r.n - 1, r.record from unnest($1::text[]) with ordinality r(record, n)`,
      [texts],
    );
  }

  /** The argument p_parts for these pages, which follow those of the last commit. */
  partsOf(pages: readonly Page[]) {
    const parts = new Map<number, Record<string, unknown> & { pages: object[] }>();
    let first = 0;
    for (const { records: texts, next, done = false, part = 0, again = false } of pages) {
      const state = this.#parts.get(part) ?? { position: null, pages: 0 };
      const entry = parts.get(part) ?? { part, expected: state.position, pages: [] };
      const page = state.pages + 1;
      if (texts.length > 0 && !again) entry["last"] = state.position;
      state.position = next === undefined ? (done ? null : { token: `p${part}-${page}` }) : next;
      state.pages = page;
      entry["position"] = state.position;
      entry["done"] = done;
      entry.pages.push({ page, first, records: texts.length, ...(again && { again }) });
      parts.set(part, entry);
      this.#parts.set(part, state);
      first += texts.length;
    }
    return [...parts.values()];
  }

  async commitPages(parts: readonly object[], count: number, values: object | null = null): Promise<void> {
    await this.#db.query("call ampsync_worker.commit_pages($1, $2, $3, $4, $5)", [
      this.id,
      this.epoch,
      JSON.stringify(parts),
      count,
      values,
    ]);
  }

  /** A writing transaction without its BEGIN and COMMIT. */
  async apply(pages: readonly Page[], values: object | null = null): Promise<void> {
    const texts = pages.flatMap((page) => page.records);
    await this.beginApply();
    await this.stage(texts);
    await this.commitPages(this.partsOf(pages), texts.length, values);
  }

  /** One page of these records. */
  async page(texts: readonly string[], options: Omit<Page, "records"> = {}): Promise<void> {
    await this.apply([{ records: texts, ...options }]);
  }

  /** Its pass stops with this error; the hint that is shown then. */
  async fail(error: Error): Promise<string> {
    await this.#db.query("select ampsync_worker.end_pass($1, $2, 'failed', $3)", [
      this.id,
      this.epoch,
      JSON.stringify(failureOf(error)),
    ]);
    const { rows } = await this.#db.query("select hint from ampsync.streams s where s.stream_id = $1", [
      this.id,
    ]);
    return rows[0].hint;
  }

  /** A committed transaction. */
  async commit(pages: readonly Page[]): Promise<void> {
    await this.#db.query("begin");
    try {
      await this.apply(pages);
    } catch (error) {
      await this.#db.query("rollback");
      throw error;
    }
    await this.#db.query("commit");
  }

  async rows(columns = "*"): Promise<pg.QueryResultRow[]> {
    const { rows } = await this.#db.query(`select ${columns} from public.${this.name} t order by 1`);
    return rows;
  }

  /** Its stream row. */
  async stream(): Promise<pg.QueryResultRow> {
    const { rows } = await this.#db.query("select * from ampsync_private.stream s where s.stream_id = $1", [
      this.id,
    ]);
    return rows[0];
  }

  /** Its counts: received, in the table, there already, set aside. */
  async counts() {
    const { rows } = await this.#db.query(
      `select s.records::int, s.row_total::int as rows, s.duplicates::int,
              (select count(*)::int from ampsync_private.reject r where r.stream_id = s.stream_id) as rejected
         from ampsync_private.stream s where s.stream_id = $1`,
      [this.id],
    );
    return rows[0];
  }

  async parts(): Promise<pg.QueryResultRow[]> {
    const { rows } = await this.#db.query(
      "select * from ampsync_private.part p where p.stream_id = $1 order by p.part_no",
      [this.id],
    );
    return rows;
  }

  /** Events of this kind, oldest first. */
  async events(event: string): Promise<pg.QueryResultRow[]> {
    const { rows } = await this.#db.query(
      "select e.details from ampsync_private.event e where e.stream_id = $1 and e.event = $2 order by e.event_id",
      [this.id, event],
    );
    return rows.map((row) => row.details);
  }
}
