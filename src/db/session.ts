import { randomUUID } from "node:crypto";

import pg from "pg";

import { AmpsyncError } from "../errors.ts";

/** The time limit for connecting, and for each statement that sets up a connection. */
export const CONNECT_MS = 5_000;

/**
 * The settings of every session of ours, whatever its role, database or address say: those that change what a
 * statement means, what it may do, or how its result reads. A dead client or network ends its transaction, a
 * long COPY does not, and the lease rules need READ COMMITTED. A setting that protects a database is not
 * touched: default_transaction_read_only.
 */
const SETTINGS = {
  default_transaction_isolation: "read committed",
  default_transaction_deferrable: "off",
  statement_timeout: "0",
  lock_timeout: "0",
  transaction_timeout: "0",
  idle_session_timeout: "0",
  idle_in_transaction_session_timeout: "60s",
  tcp_keepalives_idle: "10",
  tcp_keepalives_interval: "5",
  tcp_keepalives_count: "3",
  tcp_user_timeout: "30s",
  standard_conforming_strings: "on",
  transform_null_equals: "off",
  array_nulls: "on",
  quote_all_identifiers: "off",
  row_security: "on",
  restrict_nonsystem_relation_kind: "",
  bytea_output: "hex",
  DateStyle: "ISO, MDY",
  IntervalStyle: "postgres",
  TimeZone: "UTC",
  extra_float_digits: "1",
  "plpgsql.extra_errors": "none",
} as const;

/** Further settings for the sessions of one pool. */
export interface SessionSettings {
  /** The server itself ends a statement after this long, even if nobody waits for its answer any more. */
  readonly statement_timeout?: string;
  /** Off: for sessions that only report something, so that they never wait for a standby. */
  readonly synchronous_commit?: "off";
  /** Off: what row level security would cut is an error, and never a part. */
  readonly row_security?: "off";
}

const VALUES = Object.entries(SETTINGS)
  .map(([name, value]) => `(${pg.escapeLiteral(name)}, ${pg.escapeLiteral(value)})`)
  .join(", ");

/**
 * The search path comes first, so that no foreign functions can replace those in the rest of the statement. Settings
 * that the server does not know (those of newer servers, or of PL/pgSQL before its first use) are left out.
 */
const PIN_PATH = "set search_path = pg_catalog, pg_temp";
const PIN = `select set_config(v.name, v.setting, false) from (values ${VALUES}) v(name, setting)
  where v.name like 'plpgsql.%' or current_setting(v.name, true) is not null`;

/**
 * Sets up the connections of a pool, which has none yet. Settings are made by statements after
 * connecting, because poolers refuse them in the startup message.
 */
export function ownSessions(pool: pg.Pool, name: string, own: SessionSettings = {}): void {
  /** The one proof for all connections that are made meanwhile. */
  let proof: Promise<boolean> | null = null;

  async function makeOurs(client: pg.ClientBase): Promise<void> {
    await setUpSession(client, name, own);
    proof ??= hasOwnSession(client, pool.options);
    const proven = proof;
    if (!(await proven.catch(() => false)) && proof === proven) {
      proof = null; // The next connection tries again.
    }
    await proven;
  }

  // The pool awaits the promise, although its type does not say so.
  Object.assign(pool.options, { application_name: name, onConnect: makeOurs });
  // After an outage another server may answer, behind another pooler.
  const lost = () => {
    proof = null;
  };
  pool.on("error", lost);
  pool.on("connect", (client) => client.on("error", lost));
}

/**
 * New connections of a pool must open in time. As an option of the pool the limit would also apply to waiting for a
 * busy pool, where everybody gets a turn: each call and each transaction has a time limit of its own.
 */
export function limitConnecting(pool: pg.Pool): void {
  // Documented as an option of the constructor, and read each time a connection is made.
  const made = pool as unknown as { Client: new (config: object) => Connecting };
  made.Client = new Proxy(made.Client, {
    construct(Client, [config], Made) {
      const own = Object.getOwnPropertyDescriptors(config); // A password is not enumerable.
      const limit = { connectionTimeoutMillis: { value: CONNECT_MS, enumerable: true } };
      try {
        return Reflect.construct(Client, [Object.create(null, { ...own, ...limit })], Made);
      } catch (error) {
        // It reads the files of certificates. One that is just being replaced must not end the process, which an error
        // does that is thrown here, where the pool makes a connection of its own accord.
        const connect = (done: (error: unknown) => void) => void setImmediate(done, error);
        return Object.assign(new Client({ ssl: false }), { connect });
      }
    },
  });
}

/** The part of a client that its pool calls. */
interface Connecting {
  connect(done: (error: unknown) => void): void;
}

/** Applies our settings to a session. */
export async function setUpSession(
  client: pg.ClientBase,
  name: string,
  own: SessionSettings = {},
): Promise<void> {
  const settings = Object.entries({ ...own, application_name: name }).map(
    ([setting, value]) => `set ${setting} = ${pg.escapeLiteral(value)}`,
  );
  await ask(client, [PIN_PATH, PIN, ...settings].join("; "));
}

/**
 * Whether a connection has a session of its own, which leases, COPY and settings need. With transaction pooling two
 * connections share sessions: each sets a variable, and finds what the other one set. Throws SY902 then. False if
 * no second connection can be made at the moment.
 */
export async function hasOwnSession(client: pg.ClientBase, options: pg.ClientConfig): Promise<boolean> {
  const other = new pg.Client({ ...options, connectionTimeoutMillis: CONNECT_MS });
  other.on("error", () => {}); // Its statements report the error.
  try {
    await other.connect();
  } catch {
    return false;
  }
  try {
    for (const round of [1, 2, 3]) {
      const marks = [`${round} ${randomUUID()}`, `${round} ${randomUUID()}`] as const;
      await mark(client, marks[0]);
      await mark(other, marks[1]);
      if ((await marked(client)) !== marks[0] || (await marked(other)) !== marks[1]) {
        throw new AmpsyncError("SY902", "the database is behind a pooler in transaction mode", {
          detail:
            "Two connections read each other's session variables: the pooler spreads the statements of one session over several.",
          hint: "Set pool_mode = session for this database in the pooler, or connect to the server itself with DATABASE_URL.",
        });
      }
    }
    return true;
  } finally {
    await other.end();
  }
}

async function mark(client: pg.ClientBase, text: string): Promise<void> {
  await ask(client, `set ampsync.probe = ${pg.escapeLiteral(text)}`);
}

async function marked(client: pg.ClientBase): Promise<string | null> {
  const { rows } = await ask(client, "select current_setting('ampsync.probe', true) as mark");
  return rows[0].mark;
}

function ask(client: pg.ClientBase, text: string): Promise<pg.QueryResult> {
  return client.query(Object.assign({ text }, { query_timeout: CONNECT_MS }));
}
