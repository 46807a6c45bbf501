import { readFile } from "node:fs/promises";

import { Logger, runMigrations } from "graphile-worker";
import type pg from "pg";

import { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";
import { retryOnLockConflict } from "./lock-conflict.ts";
import { createPool } from "./pool.ts";
import { checkServer, checkWorkerOwner, lockInstallation } from "./preconditions.ts";
import { runFile } from "./run-sql-file.ts";
import { isBreaking, readSqlFiles, type SqlFiles, sha256, viewName } from "./sql-files.ts";

const LOCK_TIMEOUT = "300ms";

export interface Migrated {
  /** Names of the migrations that ran now. */
  readonly applied: readonly string[];
  /** Whether functions or views were created or replaced. */
  readonly functionsReplaced: boolean;
}

/**
 * Bring a database to the schema of this code: graphile-worker's own, then the
 * pending migrations, then functions and views where their text changed.
 *
 * Safe to call at any time and by several at once: one session advisory lock
 * lets one installer in. Ours is one transaction that never waits longer than
 * 300 ms for a lock, so that commits of running streams do not queue behind it.
 */
export async function migrate(url: string, { log }: { readonly log: Log }): Promise<Migrated> {
  const files = await readSqlFiles();
  const pool = createPool({ url, max: 2, queryTimeoutMs: 0, name: "ampsync migrate" }, log);
  pool.on("connect", (client) => {
    client.on("error", (error) =>
      log.warn("db_connection_lost", { pool: "ampsync migrate", error: error.message }),
    );
  });
  try {
    const client = await pool.connect();
    try {
      await checkServer(client);
      await lockInstallation(client, log);
      await runMigrations({ pgPool: pool, schema: "graphile_worker", logger: workerLogger(log) });
      await checkWorkerOwner(client);
      return await retryOnLockConflict(() => install(client, files, log), log);
    } finally {
      client.release(true); // Its session ends, and the advisory lock with it.
    }
  } finally {
    await pool.end();
  }
}

function workerLogger(log: Log): Logger {
  return new Logger(
    () => (level, message) => log[level === "warning" ? "warn" : level]("migrate_worker", { message }),
  );
}

interface Installed {
  readonly migrations: ReadonlyMap<string, { sha256: string; breaking: boolean; version: string }>;
  readonly sources: ReadonlyMap<string, string>;
}

async function install(client: pg.ClientBase, files: SqlFiles, log: Log): Promise<Migrated> {
  await client.query("begin isolation level read committed");
  try {
    const done = await runPending(client, files, log);
    await client.query(done.applied.length > 0 || done.functionsReplaced ? "commit" : "rollback");
    return done;
  } catch (error) {
    await client.query("rollback").catch(() => {}); // A lost connection has rolled back by itself.
    throw error;
  }
}

async function runPending(client: pg.ClientBase, files: SqlFiles, log: Log): Promise<Migrated> {
  await client.query(`set local lock_timeout = '${LOCK_TIMEOUT}'; set local check_function_bodies = off`);
  const installed = await readInstalled(client, files);
  if (isAhead(files, installed, log)) {
    return { applied: [], functionsReplaced: false };
  }
  const version = await packageVersion();
  const pending = files.migrations.filter((file) => !installed.migrations.has(file.name));
  for (const file of pending) {
    await runFile(client, file);
    await client.query(
      "insert into ampsync_private.migration (name, sha256, breaking, version) values ($1, $2, $3, $4)",
      [file.name, file.sha256, isBreaking(file), version],
    );
  }
  const functionsReplaced = await replaceFunctions(client, files, installed, version);
  if (pending.length > 0 || functionsReplaced) {
    await client.query(`
      revoke all on schema ampsync, ampsync_worker, ampsync_private from public;
      revoke execute on all routines in schema ampsync, ampsync_worker, ampsync_private from public;
      notify ampsync_schema, 'migrated'`);
  }
  return { applied: pending.map((file) => file.name), functionsReplaced };
}

async function readInstalled(client: pg.ClientBase, files: SqlFiles): Promise<Installed> {
  const { rows } = await client.query("select to_regclass('ampsync_private.migration') is null as fresh");
  if (rows[0].fresh) {
    await runFile(client, files.bootstrap);
  }
  const migrations = await client.query(
    "select name, sha256, breaking, version from ampsync_private.migration",
  );
  const sources = await client.query("select name, sha256 from ampsync_private.source");
  return {
    migrations: new Map(migrations.rows.map((row) => [row.name, row])),
    sources: new Map(sources.rows.map((row) => [row.name, row.sha256])),
  };
}

/** True when a newer version of the code installed more than we know: then everything is left as it is. */
function isAhead(files: SqlFiles, installed: Installed, log: Log): boolean {
  const known = new Map(files.migrations.map((file) => [file.name, file]));
  const unknown: string[] = [];
  for (const [name, row] of installed.migrations) {
    const file = known.get(name);
    if (file === undefined) {
      if (row.breaking) {
        throw new AmpsyncError("SY901", "the database is too new for this version of ampsync", {
          detail: `Migration ${name} of version ${row.version} is marked as breaking.`,
          hint: `Run ampsync ${row.version} or newer.`,
        });
      }
      unknown.push(name);
    } else if (file.sha256 !== row.sha256) {
      throw new AmpsyncError("SY901", `migration ${name} differs from the one that ran`, {
        detail: `The file's SHA-256 is ${file.sha256}, version ${row.version} ran ${row.sha256}.`,
        hint: "Restore the released file; changes belong into a new migration.",
      });
    }
  }
  if (unknown.length > 0) {
    log.warn("migrate_database_ahead", { migrations: unknown.join(", ") });
  }
  return unknown.length > 0;
}

async function replaceFunctions(
  client: pg.ClientBase,
  files: SqlFiles,
  installed: Installed,
  version: string,
): Promise<boolean> {
  const joint = sha256(files.functions.map((file) => `${file.name} ${file.sha256}\n`).join(""));
  const functionsDiffer = installed.sources.get("functions") !== joint;
  if (functionsDiffer) {
    for (const file of files.functions) {
      await runFile(client, file);
    }
    await recordSource(client, "functions", joint, version);
  }
  // Replacing a view waits for its readers, so an unchanged one is left alone.
  const { rows } = await client.query(
    "select viewname from pg_catalog.pg_views where schemaname = 'ampsync'",
  );
  const existing = new Set(rows.map((row) => row.viewname));
  const changed = files.views.filter(
    (file) => installed.sources.get(file.name) !== file.sha256 || !existing.has(viewName(file)),
  );
  for (const file of changed) {
    await runFile(client, file);
    await recordSource(client, file.name, file.sha256, version);
  }
  return functionsDiffer || changed.length > 0;
}

async function recordSource(
  client: pg.ClientBase,
  name: string,
  hash: string,
  version: string,
): Promise<void> {
  await client.query(
    `insert into ampsync_private.source (name, sha256, version) values ($1, $2, $3)
     on conflict (name) do update -- The text changed since the last installation.
        set sha256 = excluded.sha256, version = excluded.version, installed_at = excluded.installed_at`,
    [name, hash, version],
  );
}

async function packageVersion(): Promise<string> {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  return String(JSON.parse(text).version);
}
