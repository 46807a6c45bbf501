import { runMigrations } from "graphile-worker";
import pg from "pg";
import { createPool } from "../db/pool.ts";
import type { Log } from "../log.ts";
import { DEFAULT_QUEUE, type Queue, refuseQueue } from "../model/queue.ts";
import { beforeMigrating } from "./before-migrating.ts";
import { grantsToOthers } from "./grants-to-others.ts";
import {
  foreignMigrations,
  type Installed,
  packageVersion,
  readInstalled,
  readQueueRevision,
} from "./installed.ts";
import { giveBack, grantsOf } from "./kept-grants.ts";
import { retryOnLockConflict } from "./lock-conflict.ts";
import {
  checkMayCreate,
  checkOwner,
  checkQueueEntry,
  checkServer,
  checkWorkerOwner,
  lockInstallation,
} from "./preconditions.ts";
import { createRoles, missingGrants, type RolesLeft, rolesLeft } from "./roles.ts";
import { runFile } from "./run-sql-file.ts";
import { isBreaking, readSqlFiles, type SqlFiles, sourceHash, viewName } from "./sql-files.ts";
import { workerLogger } from "./worker-logger.ts";

const LOCK_TIMEOUT = "300ms";

export interface MigrateOptions {
  readonly log: Log;
  /** The schema for graphile-worker's queue; null: its present schema, or else `graphile_worker`. */
  readonly queueSchema?: string | null;
}

export interface Migrated {
  /** Names of the migrations that this call ran. */
  readonly applied: readonly string[];
  /** Whether functions or views were created or replaced. */
  readonly functionsReplaced: boolean;
  /** How many grants the roles of ampsync lacked, and have got. */
  readonly grants: number;
  /** What this role may not do for the roles; null where nothing was looked at. */
  readonly roles: RolesLeft | null;
  /** Statements that take back rights on functions which run with those of their owner, of roles that are not ours. */
  readonly grantsToOthers: readonly string[];
}

/**
 * Brings a database to the schema of this code: graphile-worker's schema if the queue is
 * ours, then the pending migrations, then the functions and views whose text changed.
 *
 * Safe to call at any time, and by several processes at once: a session advisory lock
 * admits one installer. Our own schema changes in one transaction that never waits longer
 * than 300 ms for a lock, so that commits of running streams do not queue behind it.
 */
export async function migrate(url: string, { log, queueSchema = null }: MigrateOptions): Promise<Migrated> {
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
      await checkOwner(client);
      await checkMayCreate(client);
      await lockInstallation(client, log);
      const found = await readInstalled(client);
      const schema = queueSchema ?? found?.queue?.schema ?? DEFAULT_QUEUE;
      await checkQueueEntry(client, schema);
      const installed = found ?? (await bootstrap(client));
      const files = await readSqlFiles(schema);
      if (isAhead(files, installed, log)) {
        return { applied: [], functionsReplaced: false, grants: 0, roles: null, grantsToOthers: [] };
      }
      const preset = {
        plugins: [beforeMigrating((migrator, { known }) => claimQueue(migrator, schema, known))],
      };
      await runMigrations({ pgPool: pool, schema, preset, logger: workerLogger(log) });
      await checkWorkerOwner(client, schema);
      await createRoles(client);
      return await retryOnLockConflict(() => install(client, files, schema), log);
    } finally {
      client.release(true); // The session ends, and releases the advisory lock.
    }
  } finally {
    await pool.end();
  }
}

async function bootstrap(client: pg.ClientBase): Promise<Installed> {
  await runFile(client, (await readSqlFiles()).bootstrap);
  return { migrations: new Map(), sources: new Map(), queue: null, queues: [] };
}

/** Records the queue before it is changed: a queue that we create is ours, and that must be known even after a failure. */
async function claimQueue(client: pg.ClientBase, schema: string, known: number): Promise<void> {
  const installed = await readInstalled(client);
  const recorded = installed?.queues.find((queue) => queue.schema === schema);
  const revision = await readQueueRevision(client, schema);
  const isOurs = revision === null || recorded?.isOurs === true;
  const refusal = revision === null ? null : refuseQueue({ schema, isOurs }, revision, known);
  if (refusal !== null) {
    throw refusal;
  }
  if (recorded?.isOurs === isOurs) {
    return;
  }
  await client.query(
    `insert into ampsync_private.queue (schema_name, is_ours, is_current) values ($1, $2, false)
     on conflict (schema_name) do update -- Another owner's queue is gone, and we create a new one.
        set is_ours = excluded.is_ours`,
    [schema, isOurs],
  );
}

/** True if a newer version has installed migrations that this one does not know: then nothing is changed. */
function isAhead(files: SqlFiles, installed: Installed, log: Log): boolean {
  const foreign = foreignMigrations(files, installed);
  if (foreign.length > 0) {
    log.warn("migrate_database_ahead", { migrations: foreign.join(", ") });
  }
  return foreign.length > 0;
}

async function install(client: pg.ClientBase, files: SqlFiles, queueSchema: string): Promise<Migrated> {
  await client.query("begin isolation level read committed");
  try {
    const done = await runPending(client, files, queueSchema);
    const recorded = (await readInstalled(client))?.queues.find((each) => each.schema === queueSchema);
    const queue = recorded ?? { schema: queueSchema, isOurs: false };
    const grants = await grant(client, queue);
    const hasChanged = done.applied.length > 0 || done.functionsReplaced || grants > 0;
    const roles = await rolesLeft(client, queue);
    const others = await grantsToOthers(client);
    await client.query(hasChanged ? "commit" : "rollback");
    return { ...done, grants, roles, grantsToOthers: others };
  } catch (error) {
    await client.query("rollback").catch(() => {}); // A lost connection rolls back on its own.
    throw error;
  }
}

/** Makes the grants that the roles lack, and returns how many. */
async function grant(client: pg.ClientBase, queue: Queue): Promise<number> {
  const grants = await missingGrants(client, queue);
  if (grants.length > 0) {
    await client.query(grants.join(";\n"));
  }
  return grants.length;
}

async function runPending(
  client: pg.ClientBase,
  files: SqlFiles,
  queueSchema: string,
): Promise<Pick<Migrated, "applied" | "functionsReplaced">> {
  await client.query(`set local search_path = pg_catalog, pg_temp; set local lock_timeout = '${LOCK_TIMEOUT}';
     set local check_function_bodies = off`);
  const installed = (await readInstalled(client)) ?? (await bootstrap(client));
  const version = await packageVersion();
  const pending = files.migrations.filter((file) => !installed.migrations.has(file.name));
  const grants = await grantsOf(client);
  for (const file of pending) {
    await runFile(client, file);
    await client.query(
      "insert into ampsync_private.migration (name, sha256, breaking, version) values ($1, $2, $3, $4)",
      [file.name, file.sha256, isBreaking(file), version],
    );
  }
  const functionsReplaced = await replaceFunctions(client, files, installed, version);
  if (installed.queue?.schema !== queueSchema) {
    await moveQueue(client, installed.queue?.schema ?? null, queueSchema);
  }
  if (pending.length > 0 || functionsReplaced) {
    await client.query(`
      revoke all on schema ampsync, ampsync_worker, ampsync_private from public;
      revoke execute on all routines in schema ampsync, ampsync_worker, ampsync_private from public;
      notify ampsync_schema, 'migrated'`);
    await openViews(client);
    await giveBack(client, grants);
  }
  return { applied: pending.map((file) => file.name), functionsReplaced };
}

/**
 * Everybody who may read our views may run the functions in them, because in a view a function runs with the
 * rights of the reader. These functions read nothing, and cannot be called elsewhere, because their schema is closed.
 */
async function openViews(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ routine: string }>(
    `select distinct p.oid::regprocedure::text as routine
       from pg_depend d
       join pg_rewrite r on r.oid = d.objid
       join pg_class v on v.oid = r.ev_class
       join pg_proc p on p.oid = d.refobjid
      where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_proc'::regclass
        and v.relnamespace = 'ampsync'::regnamespace and p.pronamespace = 'ampsync_private'::regnamespace`,
  );
  for (const { routine } of rows) {
    await client.query(`grant execute on function ${routine} to public`);
  }
}

/**
 * Moves to another queue. The supervisor queues all jobs again from state, so none is carried over; those in the old
 * queue are completed, or they would wait there for ever.
 */
async function moveQueue(client: pg.ClientBase, from: string | null, to: string): Promise<void> {
  await client.query("update ampsync_private.queue set is_current = false where is_current");
  await client.query("update ampsync_private.queue set is_current = true where schema_name = $1", [to]);
  if (from === null) {
    return;
  }
  if ((await readQueueRevision(client, from)) !== null) {
    await client.query(
      `select ${pg.escapeIdentifier(from)}.complete_jobs(array_agg(j.id)) from ${pg.escapeIdentifier(from)}.jobs j
        where j.task_identifier like 'ampsync\\_%' having count(*) > 0`,
    );
  }
  await client.query("select ampsync_private.schedule_supervisor()");
}

async function replaceFunctions(
  client: pg.ClientBase,
  files: SqlFiles,
  installed: Installed,
  version: string,
): Promise<boolean> {
  const joint = sourceHash(files);
  const functionsDiffer = installed.sources.get("functions")?.sha256 !== joint;
  if (functionsDiffer) {
    for (const file of files.functions) {
      await runFile(client, file);
    }
    await recordSource(client, "functions", joint, version);
  }
  // Replacing a view waits for its readers, so an unchanged view is left alone.
  const { rows } = await client.query(
    "select viewname from pg_catalog.pg_views where schemaname = 'ampsync'",
  );
  const existing = new Set(rows.map((row) => row.viewname));
  const changed = files.views.filter(
    (file) => installed.sources.get(file.name)?.sha256 !== file.sha256 || !existing.has(viewName(file)),
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
