import type { ReadinessRow } from "../db/health-reads.ts";
import type { Log } from "../log.ts";
import { failureOf } from "../model/failure.ts";
import { within } from "./within.ts";

/** What /readyz says. Nothing in it is a text of others: such texts may hold addresses. */
export interface Answer {
  readonly ready: boolean;
  readonly reason: string | null;
  readonly hint: string | null;
  readonly tables: readonly TableAnswer[];
}

export interface TableAnswer {
  readonly dataset: string;
  /** Null: the dataset has no tables yet, is looked up, or has failed. */
  readonly table: string | null;
  readonly ready: boolean;
  readonly reason: string | null;
  readonly state: string;
  readonly block: string | null;
  /** Seconds since the last commit. */
  readonly age_s: number | null;
  readonly error_code: string | null;
}

/** A worker's heartbeat: how long it has been silent, in milliseconds. */
export interface Beating {
  readonly silentMs: number;
}

interface Options {
  readonly read: () => Promise<readonly ReadinessRow[]>;
  readonly log: Log;
  readonly cacheMs: number;
  readonly answerMs: number;
}

/** What was read last, or is being read, and since when it is known, by performance.now(). */
interface Asked {
  readonly rows: Promise<readonly ReadinessRow[]>;
  knownAt: number | null;
}

/** A worker that reaches the database seldom enough loses its tables to others. */
const SILENT_MS = 60_000;

/**
 * Whether the streams of the database move as they should, in which the database is believed, and whether this worker
 * can help. One question at a time, for all who ask.
 */
export class Readiness {
  readonly #options: Options;
  #asked: Asked | null = null;
  #heartbeat: Beating | null = null;
  #isStopping = false;
  #wasReady: boolean | null = null;

  constructor(options: Options) {
    this.#options = options;
  }

  /** The worker has found the schema that it needs, and takes jobs. */
  began(heartbeat: Beating): void {
    this.#heartbeat = heartbeat;
  }

  stopping(): void {
    this.#isStopping = true;
  }

  /** Resolves in time, whatever the database does. */
  async look(): Promise<Answer> {
    const answer = await this.#look();
    if (answer.ready !== this.#wasReady) {
      this.#wasReady = answer.ready;
      const { log } = this.#options;
      if (answer.ready) log.info("ready");
      else log.warn("not_ready", { reason: answer.reason, hint: answer.hint });
    }
    return answer;
  }

  async #look(): Promise<Answer> {
    if (this.#isStopping) return notReady("the worker stops", null);
    let rows: readonly ReadinessRow[];
    try {
      rows = await within(this.#options.answerMs, this.#read());
    } catch (error) {
      const { code } = failureOf(error);
      return notReady(reasonOf(code), code === "SY901" ? "ampsync migrate" : "ampsync doctor");
    }
    const tables = rows.map(tableAnswer);
    if (this.#heartbeat === null) {
      return notReady("the worker has not begun", "ampsync migrate, if its log says worker_waiting", tables);
    }
    const { silentMs } = this.#heartbeat;
    if (silentMs > SILENT_MS) {
      const reason = `the heartbeat of this worker has failed for ${Math.round(silentMs / 1000)} s`;
      return notReady(reason, "select * from ampsync.workers;", tables);
    }
    const waiting = tables.filter(({ ready }) => !ready).length;
    return waiting === 0
      ? { ready: true, reason: null, hint: null, tables }
      : notReady(
          `${waiting} of ${tables.length} tables and datasets are not ready`,
          "select * from ampsync.readiness where not ready;",
          tables,
        );
  }

  #read(): Promise<readonly ReadinessRow[]> {
    const last = this.#asked;
    if (
      last !== null &&
      (last.knownAt === null || performance.now() - last.knownAt < this.#options.cacheMs)
    ) {
      return last.rows;
    }
    const rows = this.#options.read();
    const asked: Asked = { rows, knownAt: null };
    this.#asked = asked;
    rows.then(
      () => {
        asked.knownAt = performance.now();
      },
      () => {
        this.#asked = null;
      },
    );
    return rows;
  }
}

/** Ours for each kind of error: what the database says may hold names and addresses. */
function reasonOf(code: string): string {
  if (code === "SY104" || /^(08|53|57)/.test(code)) return "the database does not answer";
  if (code === "SY901") return "the database lacks what this worker needs";
  if (code === "SY902") return "a setting of the connection to the database is wrong";
  if (code === "SY109") return "the database and this worker do not accept each other's TLS";
  if (code === "42501") return "the role of this worker lacks a right";
  if (code.startsWith("28")) return "the database does not let this worker in";
  return `the database cannot be asked: error ${code}`;
}

function notReady(reason: string, hint: string | null, tables: readonly TableAnswer[] = []): Answer {
  return { ready: false, reason, hint, tables };
}

function tableAnswer(row: ReadinessRow): TableAnswer {
  return {
    dataset: row.dataset,
    table: row.table_name,
    ready: row.ready,
    reason: row.reason,
    state: row.state,
    block: row.block?.toString() ?? null,
    age_s: row.age_s === null ? null : Math.round(row.age_s),
    error_code: row.error_code,
  };
}
