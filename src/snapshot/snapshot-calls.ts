import type pg from "pg";

import type { Failure } from "../model/failure.ts";
import type { SnapshotSums } from "./snapshot-sums.ts";

/** A snapshot that a job has taken. */
export interface TakenSnapshot {
  readonly snapshot: string;
  /** Which job it is: what an older one says is refused (SY001). */
  readonly attempt: number;
  readonly shape: number;
  readonly key: string;
  readonly definition: string;
  /** The table, as it is called now. */
  readonly relation: string;
  readonly mode: "rows" | "blocks";
  readonly columns: readonly string[];
  readonly key_columns: readonly string[];
  /** What follows `as r(` where rows come from shape_rows. */
  readonly record: string;
}

/** Where the log stands in a snapshot of the database; as `log_point` gives it. */
export type LogPoint = Readonly<Record<string, unknown>>;

/** The calls of a job that makes snapshots: on one session, whose lock shows that it lives. */
export class SnapshotCalls {
  readonly #session: pg.ClientBase;

  constructor(session: pg.ClientBase) {
    this.#session = session;
  }

  /** Null where nothing waits, or two are being made already. */
  async take(): Promise<TakenSnapshot | null> {
    const { rows } = await this.#session.query("select ampsync_worker.take_snapshot() as taken");
    return rows[0].taken;
  }

  async place({ snapshot, attempt }: TakenSnapshot, point: LogPoint): Promise<void> {
    await this.#session.query("select ampsync_worker.place_snapshot($1, $2, $3)", [snapshot, attempt, point]);
  }

  async storeChunk(
    { snapshot, attempt }: TakenSnapshot,
    { n, rows, xxh64 }: ReturnType<SnapshotSums["add"]>,
    bytes: number,
    body: Buffer,
  ): Promise<void> {
    await this.#session.query("select ampsync_worker.store_chunk($1, $2, $3, $4, $5, $6, $7)", [
      ...[snapshot, attempt, n, rows, bytes, xxh64, body],
    ]);
  }

  /** Until all that was visible before is in the log; SY405 where it does not come there in time. */
  async waitForCapture(): Promise<void> {
    await this.#session.query("call ampsync.wait_for_capture(timeout => '10 s')");
  }

  async finish({ snapshot, attempt }: TakenSnapshot, sums: SnapshotSums): Promise<void> {
    await this.#session.query("select ampsync_worker.finish_snapshot($1, $2, $3)", [
      ...[snapshot, attempt, sums.total],
    ]);
  }

  /** Null: the job has to stop, and another one makes it. */
  async fail({ snapshot, attempt }: TakenSnapshot, failure: Failure | null): Promise<void> {
    await this.#session.query("select ampsync_worker.fail_snapshot($1, $2, $3)", [
      ...[snapshot, attempt, failure],
    ]);
  }

  /** The filter of the shape failed on a row. */
  async failShape({ shape, definition }: TakenSnapshot, key: string | null, sqlState: string): Promise<void> {
    await this.#session.query("select ampsync_worker.fail_shape($1, $2, $3, $4)", [
      ...[shape, definition, key, sqlState],
    ]);
  }
}
