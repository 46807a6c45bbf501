import { createHash, randomBytes } from "node:crypto";

import pg from "pg";
import { waitFor } from "../wait-for.ts";
import { addWitness, removeWitness } from "../witnesses.ts";
import { situationOf } from "./situation.ts";
import type { Template } from "./template.ts";

/** A database of one test file, with the schema of ampsync in it. */
export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  /** Run one statement on a shared connection. */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    text: string,
    params?: unknown[],
  ): Promise<pg.QueryResult<Row>>;
  /** A connection of its own; drop() ends it if the test did not. */
  client(): Promise<pg.Client>;
  /** Drop the database. Fails when somebody else is still connected: the code under test leaked. */
  drop(): Promise<void>;
}

/** Clones the migrated template or, with `empty`, creates a database without our schema. */
export async function cloneDatabase(
  { adminUrl, template }: Template,
  { empty = false } = {},
): Promise<TestDatabase> {
  const name = `ampsync_${randomBytes(6).toString("hex")}_test`;
  await asAdmin(adminUrl, async (admin) => {
    // A template can be cloned by one at a time; the lock ends with the session.
    await admin.query("select pg_advisory_lock(hashtextextended('ampsync.test.template', 0))");
    // As files: the log would take 9 MB for each.
    await admin.query(
      `create database ${name} template ${empty ? "template0" : template} strategy file_copy`,
    );
  });
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return connectDatabase(name, url.href, () => dropDatabase(name, adminUrl));
}

/**
 * Our views take ten times as long to plan as to read, and tests read them until something is so. The server keeps
 * the plan of a statement that has a name.
 */
const READS_A_VIEW = /^\s*select\b[^;]*\bfrom ampsync\.(streams|status)\b[^;]*$/;

/** `end` is called by drop(), once its own connections are closed. */
export function connectDatabase(name: string, url: string, end: () => Promise<void>): TestDatabase {
  const clients: pg.Client[] = [];
  let shared: Promise<pg.Client> | null = null;

  async function client(): Promise<pg.Client> {
    const made = await connect(url);
    clients.push(made);
    addWitness(url, () => situationOf(url));
    return made;
  }

  async function drop(): Promise<void> {
    removeWitness(url);
    await Promise.all(clients.map((made) => made.end()));
    await end();
  }

  return {
    name,
    url,
    client,
    drop,
    async query<Row extends pg.QueryResultRow>(text: string, params?: unknown[]) {
      shared ??= client();
      const name = READS_A_VIEW.test(text) ? { name: createHash("md5").update(text).digest("hex") } : {};
      return (await shared).query<Row>({ ...name, text, ...(params !== undefined && { values: params }) });
    },
    [Symbol.asyncDispose]: drop,
  };
}

async function dropDatabase(name: string, adminUrl: string): Promise<void> {
  const leaked = await asAdmin(adminUrl, async (admin) => {
    const backends = await backendsLeft(admin, name);
    await endDecoding(admin, name);
    await admin.query(`drop database ${name} with (force)`);
    return backends;
  });
  if (leaked.length > 0) {
    throw new Error(`connections to ${name} were leaked:\n${leaked.join("\n")}`);
  }
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, application_name: "ampsync test" });
  client.on("error", () => {}); // Tests terminate backends; without a handler that ends the process.
  await client.connect();
  return client;
}

async function asAdmin<T>(adminUrl: string, work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = await connect(adminUrl);
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

/** A database is not dropped while a slot of it is read; slots that nobody reads go with it. */
async function endDecoding(admin: pg.Client, database: string): Promise<void> {
  const ended = async () => {
    const { rows } = await admin.query(
      `select pg_terminate_backend(active_pid) from pg_replication_slots
        where database = $1 and active_pid is not null`,
      [database],
    );
    return rows.length === 0;
  };
  await waitFor("slots to be read by nobody", ended, 5_000);
}

/** Who is still connected. A backend needs a moment to end after its client did. */
async function backendsLeft(admin: pg.Client, database: string): Promise<string[]> {
  async function look(): Promise<string[]> {
    const { rows } = await admin.query(
      `select format('%s %s (%s): %s', pid, application_name, state, left(query, 200)) as backend
         from pg_stat_activity
        where datname = $1 and backend_type in ('client backend', 'walsender')`,
      [database],
    );
    return rows.map((row) => row.backend);
  }
  // Of a worker that was killed: the server goes on with its index until it is built.
  await admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = $1 and application_name = 'ampsync index' and state = 'active'`,
    [database],
  );
  let left = await look();
  const gone = async () => {
    left = await look();
    return left.length === 0;
  };
  await waitFor("backends to end", gone, 10_000).catch(() => {});
  return left;
}
