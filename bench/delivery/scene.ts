import { readdirSync, readFileSync } from "node:fs";

import { connectDatabase, type TestDatabase } from "../../tests/support/postgres/database.ts";
import { waitFor } from "../../tests/support/wait-for.ts";
import type { Database, Lab } from "../lab/lab.ts";
import { MeasuredWorker } from "../lab/measured-worker.ts";
import { cpuS } from "../lab/process-figures.ts";

const LONGEST_MS = 5 * 60_000;
/** The chain comes by SQL: nothing is asked for there. */
const NOWHERE = { flightAddress: "http://127.0.0.1:9", adminAddress: "http://127.0.0.1:9" };

/** A database whose tables are published, and a worker that captures and makes snapshots. */
export class Scene implements AsyncDisposable {
  readonly db: TestDatabase;
  readonly #database: Database;
  readonly #worker: MeasuredWorker | null;

  private constructor(db: TestDatabase, database: Database, worker: MeasuredWorker | null) {
    this.db = db;
    this.#database = database;
    this.#worker = worker;
  }

  /** `hasWorker` false: of a chain alone, which is written by hand and which a worker would ask for elsewhere. */
  static async start(lab: Lab, { hasWorker = true } = {}): Promise<Scene> {
    const database = await lab.createDatabase();
    const db = connectDatabase("bench", database.url, async () => {});
    const worker = hasWorker ? await MeasuredWorker.start({ databaseUrl: database.url, ...NOWHERE }) : null;
    return new Scene(db, database, worker);
  }

  get url(): string {
    return this.#database.url;
  }

  /** Publishes a table of an application and makes a shape of it, of the same name. */
  async shape(table: string, bind: object = {}): Promise<void> {
    await this.db.query("select ampsync.publish($1)", [table]);
    await this.#live();
    await this.db.query("select ampsync.create_shape($1, $1::text::regclass, bind => $2, public => true)", [
      table,
      JSON.stringify(bind),
    ]);
  }

  async #live(): Promise<void> {
    await waitFor(
      "the tables to be live",
      async () => {
        const { rows } = await this.db.query("select from ampsync.publications where state <> 'live'");
        return rows.length === 0;
      },
      LONGEST_MS,
    );
  }

  /** The position that has all that was committed before. */
  async head(): Promise<string> {
    await this.db.query("call ampsync.wait_for_capture()");
    const { rows } = await this.db.query("select ampsync.head()::text as head");
    return rows[0]!["head"];
  }

  /** Seconds of processor time of PostgreSQL and the worker, those of processes that have ended with it. */
  async serverCpuS(): Promise<number> {
    const { rows } = await this.db.query(
      "select pid from pg_stat_activity where backend_type = 'checkpointer'",
    );
    return clusterCpuS(rows[0]!["pid"]) + (this.#worker === null ? 0 : cpuS(this.#worker.pid));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker?.kill();
    await this.db.drop();
    await this.#database[Symbol.asyncDispose]();
  }
}

/** Of a PostgreSQL server, one of whose processes this is. */
function clusterCpuS(pid: number): number {
  const postmaster = statOf(pid).parent;
  const children = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter(({ parent }) => parent === postmaster);
  const { own, ended } = statOf(postmaster);
  return children.reduce((sum, child) => sum + child.own, own + ended);
}

/** Seconds of a process, and of children of it that have ended. */
function statOf(pid: number): { parent: number; own: number; ended: number } {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    return {
      parent: fields[1]!,
      own: (fields[11]! + fields[12]!) / 100,
      ended: (fields[13]! + fields[14]!) / 100,
    };
  } catch {
    return { parent: 0, own: 0, ended: 0 }; // It has just ended.
  }
}
