import pg from "pg";
import { afterAll, beforeAll } from "vitest";

import type { EmbeddedPostgres } from "../../../src/embedded/postgres.ts";
import { late } from "../late.ts";
import { newDataDir } from "./data-dir.ts";
import { connectDatabase, type TestDatabase } from "./database.ts";
import { startPostgres } from "./start-postgres.ts";

/** A server for one file of tests, whose roles are its own business: roles belong to a whole server. */
export class OwnServer implements AsyncDisposable {
  readonly #server: EmbeddedPostgres;
  readonly #clients: pg.Client[] = [];

  private constructor(server: EmbeddedPostgres) {
    this.#server = server;
  }

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<OwnServer> {
    return new OwnServer(await startPostgres({ dataDir: newDataDir(), persistent: false, settings }));
  }

  /** Nobody is asked for a password. */
  url(database: string, role = "postgres"): string {
    return this.#server.connectionString(database).replace("postgres@", `${encodeURIComponent(role)}@`);
  }

  /** As superuser; in a transaction if there are several statements. */
  async run(statements: string, database = "postgres"): Promise<pg.QueryResult> {
    return await this.#as("postgres", statements, database);
  }

  /** One statement of a role, in a session of its own. */
  async as(role: string, database: string, statement: string): Promise<Record<string, unknown>[]> {
    return (await this.#as(role, statement, database)).rows;
  }

  /** A database, for a superuser's looks into it. */
  async database(name: string, owner = "postgres"): Promise<TestDatabase> {
    await this.run(`create database ${name} owner ${owner} encoding 'UTF8' template template0`);
    return this.existing(name);
  }

  /** The same of a database that is there. */
  existing(name: string): TestDatabase {
    return connectDatabase(
      name,
      this.url(name),
      async () => void (await this.run(`drop database ${name} with (force)`)),
    );
  }

  /** A session of a role; it ends with the server, or with its database. */
  async connect(database: string, role: string): Promise<pg.Client> {
    const client = await this.#connected(database, role);
    this.#clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end().catch(() => {})));
    await this.#server.stop();
  }

  async #as(role: string, statement: string, database: string): Promise<pg.QueryResult> {
    const client = await this.#connected(database, role);
    try {
      return await client.query(statement);
    } finally {
      await client.end();
    }
  }

  async #connected(database: string, role: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url(database, role) });
    client.on("error", () => {}); // Its database is dropped under it.
    await client.connect();
    return client;
  }
}

/** One for all tests of a file. */
export function ownServer(): OwnServer {
  let server: OwnServer;
  beforeAll(async () => {
    server = await OwnServer.start();
  });
  afterAll(() => server[Symbol.asyncDispose]());
  return late(() => server);
}
