import { Kysely, PostgresDialect, sql } from "kysely";
import type pg from "pg";

/** The columns of the views in schema ampsync that the command line shows. Their comments in SQL document them. */
interface Views {
  streams: {
    dataset: string;
    table_name: string;
    target: string;
    state: string;
    since: Date;
    network: string | null;
    block: bigint | null;
    head: bigint | null;
    behind: bigint | null;
    rows: bigint;
    rows_per_s: number | null;
    rewrites: bigint;
    error_code: string | null;
    reason: string | null;
    hint: string | null;
    next_retry: Date | null;
  };
  status: {
    dataset: string;
    version: string | null;
    new_version: string | null;
    state: string;
    since: Date;
    target_schema: string;
    tables: bigint;
    block: bigint | null;
    behind: bigint | null;
    rows: bigint;
    rows_per_s: number | null;
    error_code: string | null;
    waiting_on: string | null;
    hint: string | null;
    next_retry: Date | null;
    unattended: boolean;
  };
  progress: {
    dataset: string;
    table_name: string;
    target: string;
    phase: string;
    block: bigint | null;
    head: bigint | null;
    blocks_done: bigint | null;
    blocks_total: bigint | null;
    rows: bigint;
    bytes: bigint | null;
    rows_per_s: number | null;
    started: Date | null;
    eta: Date | null;
    unit: string;
    done: bigint | null;
    total: bigint | null;
  };
  rate_limits: {
    bucket: string;
    limit: number | null;
    remaining: number | null;
    sent: bigint;
    refused: bigint;
  };
  workers: {
    state: "alive" | "gone";
  };
  events: {
    event_id: bigint;
    at: Date;
    event: string;
    dataset: string | null;
    table_name: string | null;
    details: Record<string, unknown>;
  };
}

export interface FindingRow {
  readonly severity: "error" | "warning" | "info";
  readonly subject: string;
  readonly finding: string;
  readonly fix: string;
}

export type StreamRow = Views["streams"] & { readonly lag_s: number | null };
/** In seconds by the clock of the database. */
export type ProgressRow = Views["progress"] & {
  readonly elapsed_s: number | null;
  readonly left_s: number | null;
};
/** In seconds by the clock of the database. */
export type RateLimitRow = Views["rate_limits"] & {
  readonly window_s: number;
  readonly resets_s: number | null;
};
export type StatusRow = Views["status"];
export type EventRow = Views["events"];

/** Typed reads of the views. Only the functions of schema ampsync write. */
export class Reads {
  readonly #db: Kysely<Views>;

  /** The pool belongs to the caller, and is not ended here. */
  constructor(pool: pg.Pool) {
    this.#db = new Kysely<Views>({ dialect: new PostgresDialect({ pool }) }).withSchema("ampsync");
  }

  streams(): Promise<StreamRow[]> {
    return this.#db
      .selectFrom("streams")
      .select(["dataset", "table_name", "target", "state", "since", "network", "block", "head", "behind"])
      .select(["rows", "rows_per_s", "rewrites", "error_code", "reason", "hint", "next_retry"])
      .select(sql<number | null>`extract(epoch from lag)::float8`.as("lag_s"))
      .orderBy("dataset")
      .orderBy("table_name")
      .execute();
  }

  status(): Promise<StatusRow[]> {
    return this.#db
      .selectFrom("status")
      .select(["dataset", "version", "state", "since", "target_schema", "tables", "block", "behind", "rows"])
      .select(["rows_per_s", "error_code", "waiting_on", "hint", "next_retry", "new_version", "unattended"])
      .orderBy("dataset")
      .execute();
  }

  /** How many workers are alive. */
  async workers(): Promise<number> {
    const rows = await this.#db.selectFrom("workers").select("state").where("state", "=", "alive").execute();
    return rows.length;
  }

  /** What is wrong with the installation, the gravest first. */
  async findings(): Promise<FindingRow[]> {
    const { rows } = await sql<FindingRow>`select * from ampsync.doctor()`.execute(this.#db);
    return rows;
  }

  progress(): Promise<ProgressRow[]> {
    return this.#db
      .selectFrom("progress")
      .select(["dataset", "table_name", "target", "phase", "block", "head", "blocks_done", "blocks_total"])
      .select(["rows", "bytes", "rows_per_s", "started", "eta", "unit", "done", "total"])
      .select(sql<number | null>`extract(epoch from elapsed)::float8`.as("elapsed_s"))
      .select(sql<number | null>`extract(epoch from eta - clock_timestamp())::float8`.as("left_s"))
      .orderBy("dataset")
      .orderBy("table_name")
      .execute();
  }

  rateLimits(): Promise<RateLimitRow[]> {
    return this.#db
      .selectFrom("rate_limits")
      .select(["bucket", "limit", "remaining", "sent", "refused"])
      .select(sql<number>`extract(epoch from "window")::float8`.as("window_s"))
      .select(sql<number | null>`extract(epoch from resets_at - clock_timestamp())::float8`.as("resets_s"))
      .orderBy("bucket")
      .orderBy("window_s")
      .execute();
  }

  /** Journal rows after an id, oldest first. */
  eventsAfter(eventId: bigint): Promise<EventRow[]> {
    return this.#db
      .selectFrom("events")
      .select(["event_id", "at", "event", "dataset", "table_name", "details"])
      .where("event_id", ">", eventId)
      .orderBy("event_id")
      .execute();
  }
}
