import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { promisify } from "node:util";

import type { EmbeddedPostgres } from "../../../src/embedded/postgres.ts";
import { findPostmaster } from "../../../src/embedded/postmaster.ts";
import { migrate } from "../../../src/install/migrate.ts";
import { createLog } from "../../../src/log.ts";
import { late } from "../late.ts";
import { waitFor } from "../wait-for.ts";
import { newDataDir } from "./data-dir.ts";
import { connectDatabase, type TestDatabase } from "./database.ts";
import { startPostgres } from "./start-postgres.ts";

const copy = promisify(execFile);

/** A server of its own that is stopped, crashes, is started again at the same address, or set back to an earlier copy. */
export class StoppingServer implements AsyncDisposable {
  readonly url: string;
  /** With our schema; that of the present start. */
  readonly db: TestDatabase = late(() => this.#db);
  readonly #settings: Readonly<Record<string, string>>;
  #server: EmbeddedPostgres;
  #db: TestDatabase;

  private constructor(server: EmbeddedPostgres, settings: Readonly<Record<string, string>>) {
    this.#server = server;
    this.url = server.connectionString();
    this.#settings = { ...settings, port: new URL(this.url).port };
    this.#db = this.#connect();
  }

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<StoppingServer> {
    const server = await startPostgres({ dataDir: newDataDir(), persistent: true, settings });
    await migrate(server.connectionString(), { log: createLog("error", () => {}) });
    return new StoppingServer(server, settings);
  }

  get dataDir(): string {
    return this.#server.dataDir;
  }

  async stop(): Promise<void> {
    await this.#db.drop();
    await this.#server.stop();
  }

  /** As if its machine had lost its power. */
  async crash(): Promise<void> {
    const { dataDir } = this;
    process.kill((await findPostmaster(dataDir))!.pid, "SIGQUIT");
    await waitFor("the server to be gone", async () => (await findPostmaster(dataDir)) === null);
    await this.stop();
  }

  async again(): Promise<void> {
    const { dataDir } = this;
    this.#server = await startPostgres({ dataDir, persistent: true, settings: this.#settings });
    this.#db = this.#connect();
  }

  /** Keeps a copy of the folder. The server is stopped. */
  async keep(): Promise<void> {
    await copy("cp", ["-a", this.dataDir, this.#kept]); // With their owner, who is not always ours.
  }

  /** The folder is what the copy was. The server is stopped. */
  async setBack(): Promise<void> {
    await rm(this.dataDir, { recursive: true });
    await copy("mv", [this.#kept, this.dataDir]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.dataDir, { recursive: true });
    await rm(this.#kept, { recursive: true, force: true });
  }

  get #kept(): string {
    return `${this.dataDir}-kept`;
  }

  #connect(): TestDatabase {
    return connectDatabase("postgres", this.url, async () => {});
  }
}
