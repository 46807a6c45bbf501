import type pg from "pg";

import type { Log } from "../log.ts";
import type { MetricRow } from "../model/metric-row.ts";
import { createPool } from "./pool.ts";
import { runStatement } from "./run-statement.ts";

/** A row of ampsync.readiness. */
export interface ReadinessRow {
  readonly dataset: string;
  readonly table_name: string | null;
  readonly ready: boolean;
  readonly reason: string | null;
  readonly state: string;
  readonly block: bigint | null;
  /** Seconds since the last commit. */
  readonly age_s: number | null;
  readonly error_code: string | null;
}

/** A slow answer about the metrics keeps none about readiness waiting. Each is asked one question at a time. */
const VIEWS = 2;

/**
 * What monitors are told, on connections of its own, one for each view: no writer keeps an answer waiting, and the
 * heartbeat waits for no monitor. A connection that does not answer in time is given up, since its network may be
 * dead, and the next question goes over another one.
 */
export class HealthReads {
  readonly #pool: pg.Pool;
  readonly #answerMs: number;

  constructor(url: string, answerMs: number, log: Log) {
    this.#answerMs = answerMs;
    const settings = { statement_timeout: `${answerMs}ms` };
    this.#pool = createPool({ url, max: VIEWS, queryTimeoutMs: 0, name: "ampsync health", settings }, log);
  }

  /** Whether each table moves as it should; those that do not first. */
  async readiness(): Promise<readonly ReadinessRow[]> {
    const { rows } = await this.#ask(
      `select dataset, table_name, ready, reason, state, block, extract(epoch from age)::float8 as age_s, error_code
         from ampsync.readiness order by ready, dataset, table_name nulls first`,
    );
    return rows;
  }

  /** What the database knows. */
  async metrics(): Promise<readonly MetricRow[]> {
    const { rows } = await this.#ask("select metric, type, labels, value, help from ampsync.metrics");
    return rows;
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #ask(text: string): Promise<pg.QueryResult> {
    const statement = { text, query_timeout: this.#answerMs };
    return await runStatement(this.#pool, await this.#pool.connect(), statement);
  }
}
