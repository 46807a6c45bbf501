import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import pg from "pg";

import { startEmbeddedPostgres } from "../../src/embedded/postgres.ts";
import { migrate } from "../../src/install/migrate.ts";
import { createLog } from "../../src/log.ts";

/** As docs/operations.md advises for a backfill; fsync stays on. */
const SETTINGS = {
  shared_buffers: "1GB",
  max_wal_size: "8GB",
  checkpoint_timeout: "30min",
  max_connections: "200",
};
const TEMPLATE = "bench_template";

/** A durable PostgreSQL server for one run of a benchmark, and a folder for its files. */
export class Lab implements AsyncDisposable {
  readonly folder: string;
  readonly postgresVersion: string;
  readonly #urlOf: (database: string) => string;
  readonly #stack: AsyncDisposableStack;
  #databases = 0;

  private constructor(parts: {
    folder: string;
    postgresVersion: string;
    urlOf: (database: string) => string;
    stack: AsyncDisposableStack;
  }) {
    this.folder = parts.folder;
    this.postgresVersion = parts.postgresVersion;
    this.#urlOf = parts.urlOf;
    this.#stack = parts.stack;
  }

  /** `settings`: further ones of the server. */
  static async start(settings: Readonly<Record<string, string>> = {}): Promise<Lab> {
    await using stack = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "ampsync-bench-"));
    stack.defer(() => rm(folder, { recursive: true, force: true }));
    const dataDir = join(folder, "postgres");
    const postgres = await startEmbeddedPostgres({
      dataDir,
      persistent: true,
      settings: { ...SETTINGS, ...settings },
    });
    stack.defer(async () => {
      await postgres.stop();
      // The server's user may not reach our folder, and its data is in another one.
      await rm(dirname(postgres.dataDir), { recursive: true, force: true });
    });
    const urlOf = (database: string) => postgres.connectionString(database);
    await using admin = await connect(urlOf("postgres"));
    await admin.query(`create database ${TEMPLATE}`);
    await migrate(urlOf(TEMPLATE), { log: createLog("error", (line) => process.stderr.write(line)) });
    const { rows } = await admin.query("show server_version");
    return new Lab({ folder, postgresVersion: rows[0].server_version, urlOf, stack: stack.move() });
  }

  /** A database with ampsync in it. */
  async createDatabase(): Promise<Database> {
    const name = `bench_${++this.#databases}`;
    await using admin = await connect(this.#urlOf("postgres"));
    await admin.query(`create database ${name} template ${TEMPLATE}`);
    const url = this.#urlOf(name);
    return new Database(url, await connect(url), async () => {
      await using client = await connect(this.#urlOf("postgres"));
      await client.query(`drop database ${name} with (force)`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

export class Database implements AsyncDisposable {
  readonly url: string;
  readonly client: pg.Client;
  readonly #drop: () => Promise<void>;

  constructor(url: string, client: pg.Client, drop: () => Promise<void>) {
    this.url = url;
    this.client = client;
    this.#drop = drop;
  }

  /** The rows of a query. */
  async query(text: string, values: readonly unknown[] = []): Promise<readonly pg.QueryResultRow[]> {
    const { rows } = await this.client.query(text, [...values]);
    return rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.end();
    await this.#drop();
  }
}

export async function connect(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}
