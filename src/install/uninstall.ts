import pg from "pg";

import { createPool } from "../db/pool.ts";
import { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";
import { retryOnLockConflict } from "./lock-conflict.ts";
import { lockInstallation, refuseStandby } from "./preconditions.ts";
import { planUninstall, SCHEMAS, type UninstallPlan } from "./uninstall-plan.ts";

export interface UninstallOptions {
  readonly log: Log;
  /** Asked once with what will happen. False: nothing is changed. */
  readonly agree: (plan: UninstallPlan) => Promise<boolean>;
}

/** `declined`: the plan was shown and not agreed to. */
export type Uninstalled = "not installed" | "declined" | "done";

/**
 * Takes ampsync out of a database: all in one transaction, so that a crash leaves all or nothing. Every sync is
 * dropped as by ampsync.drop_sync, which ends the writers and keeps the tables; then our schemas, and the queues that
 * only we use. Nothing of somebody else is dropped: where other objects depend on ours, PostgreSQL refuses.
 *
 * Workers that run are notified, see that nothing is installed any more, and end.
 */
export async function uninstall(url: string, { log, agree }: UninstallOptions): Promise<Uninstalled> {
  const pool = createPool({ url, max: 1, queryTimeoutMs: 0, name: "ampsync uninstall" }, log);
  try {
    const client = await pool.connect();
    client.on("error", (error) =>
      log.warn("db_connection_lost", { pool: "ampsync uninstall", error: error.message }),
    );
    try {
      await refuseStandby(client);
      const plan = await planUninstall(client);
      if (plan === null) {
        return "not installed";
      }
      if (!(await agree(plan))) {
        return "declined";
      }
      await lockInstallation(client, log);
      return await retryOnLockConflict(() => removeAll(client), log, "uninstall_retry");
    } finally {
      client.release(true); // The session ends, and releases the advisory lock.
    }
  } finally {
    await pool.end();
  }
}

async function removeAll(client: pg.ClientBase): Promise<Uninstalled> {
  await client.query("begin isolation level read committed");
  try {
    await client.query("set local search_path = pg_catalog, pg_temp; set local lock_timeout = '300ms'");
    const done = await remove(client);
    await client.query("commit");
    return done;
  } catch (error) {
    await client.query("rollback").catch(() => {}); // A lost connection rolls back on its own.
    throw error instanceof pg.DatabaseError && error.code === "2BP01" ? inUse(error) : error;
  }
}

async function remove(client: pg.ClientBase): Promise<Uninstalled> {
  const { revokes = [] } = (await planUninstall(client)) ?? {}; // Of the tables that are known now.
  await holdStill(client);
  await dropSyncs(client);
  await endPublishing(client);
  const plan = await planUninstall(client); // Again, because the answer may have taken hours.
  if (plan === null) {
    return "not installed"; // By another call, meanwhile.
  }
  if (revokes.length > 0) {
    await client.query(revokes.join(";\n"));
  }
  for (const queue of plan.sharedQueues) {
    const schema = pg.escapeIdentifier(queue);
    // Those that run, too: the functions of that schema keep a running job, and nobody would ever run it again.
    await client.query(
      `delete from ${schema}._private_jobs j
        using ${schema}._private_tasks t
        where t.id = j.task_id and t.identifier like 'ampsync\\_%';
       delete from ${schema}._private_tasks t where t.identifier like 'ampsync\\_%'`,
    );
  }
  await client.query("notify ampsync_schema, 'uninstalled'");
  await client.query(await dropStatements(client, plan));
  await dropSlot(client);
  return "done";
}

/** Of tables that are captured from WAL. */
async function endPublishing(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query(
    `select to_regproc('ampsync_private.end_publishing') is not null -- Not that of an older version …
            and to_regclass('ampsync_private.published') is not null -- … nor one of which a part is gone.
            and to_regclass('ampsync_private.capture') is not null as made`,
  );
  if (rows[0].made) await client.query("select ampsync_private.end_publishing()");
}

/** Last of all: it is not taken back. A slot that nobody reads keeps WAL until the disk is full. */
async function dropSlot(client: pg.ClientBase): Promise<void> {
  const ours = `from pg_replication_slots s join pg_database d on d.datname = s.database
    where d.datname = current_database() and s.slot_name = 'ampsync_' || d.oid`;
  await client.query(`select pg_terminate_backend(s.active_pid, 5000) ${ours} and s.active_pid is not null`);
  await client.query(`select pg_drop_replication_slot(s.slot_name) ${ours}`);
}

/**
 * Takes our tables before a row of them is changed. Whoever waited for such a row would hold its table, which is to be
 * dropped: with busy workers there is always somebody, and every attempt would end in a deadlock.
 */
async function holdStill(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ fences: boolean; tables: string | null }>(
    `select to_regproc('ampsync_private.close_fence') is not null -- A part of an installation may be gone.
            and to_regclass('ampsync_private.dataset') is not null
            and to_regclass('ampsync_private.stream') is not null
            and to_regclass('ampsync_private.lease') is not null as fences,
            string_agg(c.oid::regclass::text, ', ' -- In the order in which workers take them.
                       order by array_position('{dataset,stream,published,lease}', c.relname::text), c.oid) as tables
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = any ($1)
        and c.relkind in ('r', 'p')`,
    [SCHEMAS],
  );
  const { fences, tables } = rows[0]!;
  if (tables === null) return;
  if (fences) {
    await client.query("lock table ampsync_private.dataset in exclusive mode"); // None is enqueued meanwhile.
    await client.query(
      // Ends writers, whose microbatches may go on for an hour.
      "select ampsync_private.close_fence(s.stream_id) from ampsync_private.stream s order by s.stream_id",
    );
  }
  await client.query(`lock table ${tables} in access exclusive mode`);
}

async function dropSyncs(client: pg.ClientBase): Promise<void> {
  const { rows: made } = await client.query(
    "select to_regclass('ampsync_private.dataset') is not null as made",
  );
  if (made[0].made) {
    await client.query(
      "select ampsync.drop_sync(d.label) from ampsync_private.dataset d order by d.dataset_id",
    );
  }
}

/** Without CASCADE, each kind in one statement, so that PostgreSQL refuses if anything else depends on the objects. */
async function dropStatements(client: pg.ClientBase, { schemas, views }: UninstallPlan): Promise<string> {
  const { rows } = await client.query<{ statement: string }>(
    `with ours as (
       select n.oid, n.nspname from pg_namespace n where n.nspname = any($1)
     ), object (rank, kind, name) as (
       select 0, 'trigger', format('%I on %s', t.tgname, c.oid::regclass)
         from pg_trigger t join pg_class c on c.oid = t.tgrelid join ours n on n.oid = c.relnamespace
        where not t.tgisinternal
        union all
       select 1, 'view', unnest($2::text[])
        union all
       select 1, 'view', c.oid::regclass::text
         from pg_class c join ours n on n.oid = c.relnamespace where c.relkind = 'v'
        union all
       select 2, 'routine', p.oid::regprocedure::text from pg_proc p join ours n on n.oid = p.pronamespace
        union all
       select 3, 'table', c.oid::regclass::text
         from pg_class c join ours n on n.oid = c.relnamespace where c.relkind in ('r', 'p')
        union all
       select 4, 'sequence', c.oid::regclass::text -- Those of identity columns went with their tables.
         from pg_class c join ours n on n.oid = c.relnamespace
        where c.relkind = 'S' and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i'))
        union all
       select 5, 'type', t.oid::regtype::text
         from pg_type t
         join ours n on n.oid = t.typnamespace
         join pg_class c on c.oid = t.typrelid and c.relkind = 'c'
        union all
       select 6, 'schema', quote_ident(n.nspname) from ours n
     )
     select format('drop %s %s', o.kind, string_agg(o.name, ', ')) as statement
       from object o
      group by o.rank, o.kind, case o.kind when 'trigger' then o.name end -- Those are dropped one by one.
      order by o.rank`,
    [schemas, views],
  );
  return rows.map(({ statement }) => statement).join(";\n");
}

function inUse(error: pg.DatabaseError): AmpsyncError {
  return new AmpsyncError("SY901", "ampsync cannot be taken out: other objects depend on it", {
    detail: `Nothing was changed. ${error.detail ?? error.message}`,
    hint: "Drop those objects first, then: ampsync uninstall",
    cause: error,
  });
}
