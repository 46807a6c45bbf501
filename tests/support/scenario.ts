import type { DevServerOptions } from "../../src/devserver/server.ts";
import { type DevServer, startDevServer } from "../../src/devserver/server.ts";
import type { Block, Source } from "../../src/devserver/source.ts";
import { createDatabase, type TestDatabase } from "./postgres.ts";
import { waitFor } from "./wait-for.ts";
import { Worker, type WorkerOptions } from "./worker.ts";

/** Tables of a raw EVM dataset, which all our sources offer. */
export const EVM_TABLES = ["blocks", "logs", "transactions"] as const;

/**
 * The whole product for one test: a database, a development Amp server in this
 * process, and workers in processes of their own. Disposing it ends them all.
 */
export class Scenario implements AsyncDisposable {
  readonly db: TestDatabase;
  readonly source: Source;
  server: DevServer;
  readonly #workers: Worker[] = [];

  private constructor(db: TestDatabase, server: DevServer, source: Source) {
    this.db = db;
    this.server = server;
    this.source = source;
  }

  static async start(options: DevServerOptions): Promise<Scenario> {
    const [db, server] = await Promise.all([createDatabase(), startDevServer(options)]);
    return new Scenario(db, server, options.source);
  }

  startWorker(options: Partial<WorkerOptions> = {}): Worker {
    const { flightAddress, adminAddress } = this.server;
    const worker = new Worker({ databaseUrl: this.db.url, flightAddress, adminAddress, ...options });
    this.#workers.push(worker);
    return worker;
  }

  /** Calls ampsync.enqueue_sync. */
  async sync(dataset: string, schema: string, tables: readonly string[] | null = null): Promise<void> {
    await this.db.query("select ampsync.enqueue_sync($1, $2, $3)", [dataset, tables, schema]);
  }

  /** Waits like `waitFor`; what was in the way is in the error. */
  async until(what: string, condition: () => Promise<boolean>, deadlineMs = 15_000): Promise<void> {
    try {
      await waitFor(what, condition, deadlineMs);
    } catch (error) {
      const { rows } = await this.db.query(
        `select target, state, block, rows, error_code, reason, detail, next_retry, worker from ampsync.streams
         union all
         select dataset, state, block, rows, error_code, waiting_on, hint, next_retry, null from ampsync.status`,
      );
      throw new Error(
        `${what}: not within ${deadlineMs} ms\n${rows.map((row) => JSON.stringify(row)).join("\n")}`,
        {
          cause: error,
        },
      );
    }
  }

  /** Waits until every stream of a schema committed this block, by default the head of the source. */
  async reaches(schema: string, streams: number, block?: Pick<Block, "number" | "hash">): Promise<void> {
    const { number, hash } = block ?? this.source.chain.head()!;
    await this.until(
      `${streams} tables of ${schema} at block ${number} ${hash}`,
      async () => {
        const { rows } = await this.db.query(
          `select count(*)::int as arrived from ampsync.checkpoints
            where target_schema = $1 and watermark_block_num = $2 and watermark_block_hash = $3`,
          [schema, number, Buffer.from(hash.slice(2), "hex")],
        );
        return rows[0]!["arrived"] === streams;
      },
      30_000,
    );
  }

  /** State of each stream of a schema, by table. */
  async states(schema: string): Promise<Record<string, string>> {
    const { rows } = await this.db.query(
      `select table_name, state from ampsync.streams where target like format('%I.%%', $1::text)`,
      [schema],
    );
    return Object.fromEntries(rows.map((row) => [row["table_name"], row["state"]]));
  }

  /** How often something was journaled. */
  async events(event: string): Promise<number> {
    const { rows } = await this.db.query("select count(*)::int as n from ampsync.events where event = $1", [
      event,
    ]);
    return rows[0]!["n"];
  }

  /** Stops the server, does something while it is away, and starts it again on the same ports. */
  async restartServer(meanwhile: () => void): Promise<void> {
    const [flightPort, adminPort] = [portOf(this.server.flightAddress), portOf(this.server.adminAddress)];
    await this.server.stop();
    meanwhile();
    this.server = await startDevServer({ source: this.source, flightPort, adminPort });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker[Symbol.asyncDispose]()));
    await this.server.stop();
    await this.db.drop();
  }
}

export function portOf(address: string): number {
  return Number(new URL(address).port);
}
