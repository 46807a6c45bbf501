import { setTimeout as pause } from "node:timers/promises";

import pg from "pg";

import { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";
import { ownQueue } from "../model/queue.ts";

const OLDEST_MAJOR = 15;
const INSTALLER_POLL_MS = 250;
const INSTALLER_DEADLINE_MS = 10 * 60_000;

/** Refuses servers that cannot hold our data, before anything is written. */
export async function checkServer(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query(
    `select current_setting('server_encoding') as encoding,
            current_setting('server_version') as version,
            current_setting('server_version_num')::integer as number`,
  );
  if (rows[0].encoding !== "UTF8") {
    throw new AmpsyncError("SY902", "the database must use the encoding UTF8", {
      detail: `It uses ${rows[0].encoding}.`,
      hint: "create database ampsync encoding 'UTF8' template template0;",
    });
  }
  if (rows[0].number < OLDEST_MAJOR * 10_000) {
    throw new AmpsyncError(
      "SY902",
      `PostgreSQL ${OLDEST_MAJOR} or newer is needed, and this is ${rows[0].version}`,
      {
        detail: "Nothing was changed.",
        hint: `Upgrade the server to PostgreSQL ${OLDEST_MAJOR} or newer, then: ampsync migrate`,
      },
    );
  }
  await refuseStandby(client);
}

/** What there is to say about a server that follows another one. */
export const STANDBY = {
  reason: "the server is a standby",
  hint: "Set DATABASE_URL to the primary. If there is none any more, make the standby one: select pg_promote();",
} as const;

/** Whether the server follows another one; it may cease to. */
export async function isStandby(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query('select pg_is_in_recovery() as "isStandby"');
  return rows[0].isStandby;
}

/** Refuses a server on which nothing can be changed. */
export async function refuseStandby(client: pg.ClientBase): Promise<void> {
  if (await isStandby(client)) {
    throw new AmpsyncError("SY902", STANDBY.reason, {
      detail: "It repeats what its primary writes; nothing can be changed on it.",
      hint: STANDBY.hint,
    });
  }
}

const INSTALLER_LOCK = "hashtextextended('ampsync.migrate', 0)";

/** Admits one installer at a time: a session advisory lock, held until the client's session ends. */
export async function lockInstallation(client: pg.ClientBase, log: Log): Promise<void> {
  const deadline = performance.now() + INSTALLER_DEADLINE_MS;
  for (let waited = false; ; waited = true) {
    const { rows } = await client.query(`select pg_try_advisory_lock(${INSTALLER_LOCK}) as locked`);
    if (rows[0].locked) {
      return;
    }
    // The holder may be anybody: every role can take an advisory lock.
    const { pid, role, application } = await installer(client);
    if (!waited) {
      log.info("migrate_waiting", { reason: "another installation is running", pid, role, application });
    }
    if (performance.now() > deadline) {
      throw new AmpsyncError("SY901", "another installation of ampsync is still running", {
        detail: `Waited ${INSTALLER_DEADLINE_MS / 60_000} min for backend ${pid} of role ${role} (${application}), which holds the advisory lock 'ampsync.migrate'.`,
        hint: `select pg_terminate_backend(${pid});`,
      });
    }
    await pause(INSTALLER_POLL_MS);
  }
}

/** The session that holds the lock; null if it has just released the lock. */
async function installer(
  client: pg.ClientBase,
): Promise<{ readonly pid?: number; readonly role?: string; readonly application?: string }> {
  const { rows } = await client.query(
    `select a.pid, a.usename as role, a.application_name as application
       from pg_locks k
       join pg_stat_activity a using (pid)
      where k.locktype = 'advisory' and k.objsubid = 1 and k.granted
        and k.database = (select d.oid from pg_database d where d.datname = current_database())
        and (k.classid::bigint << 32) | k.objid::bigint = ${INSTALLER_LOCK}`,
  );
  return rows[0] ?? {};
}

/** Refuses a role that has not the rights of the owner of what is installed. */
export async function checkOwner(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ owner: string; ours: string }>(
    `select pg_get_userbyid(n.nspowner) as owner, current_user as ours
       from pg_namespace n
      where n.nspname = 'ampsync' and not pg_has_role(n.nspowner, 'usage')`,
  );
  const found = rows[0];
  if (found === undefined) {
    return;
  }
  throw new AmpsyncError("SY901", "the schema ampsync belongs to another role", {
    detail: `Its owner is ${found.owner}, this session is ${found.ours}. Nothing was changed.`,
    hint: `Run ampsync migrate as ${found.owner}, or: grant ${pg.escapeIdentifier(found.owner)} to ${pg.escapeIdentifier(found.ours)};`,
    cause: notPermitted("must be owner of schema ampsync"),
  });
}

/** Refuses a role that may not make our schemas in a database which has none of them. */
export async function checkMayCreate(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ database: string; ours: string }>(
    `select quote_ident(d.datname) as database, quote_ident(current_user) as ours
       from pg_database d
      where d.datname = current_database() and not has_database_privilege(d.oid, 'create')
        and to_regnamespace('ampsync') is null`,
  );
  const found = rows[0];
  if (found === undefined) {
    return;
  }
  const { database, ours } = found;
  throw new AmpsyncError("SY901", `role ${ours} may not make schemas in the database ${database}`, {
    detail: "ampsync needs some of its own, and one for each dataset. Nothing was changed.",
    hint: `grant create on database ${database} to ${ours};`,
    cause: notPermitted(`permission denied for database ${database}`),
  });
}

/** What PostgreSQL would say itself, once something had to be changed. */
function notPermitted(message: string): pg.DatabaseError {
  const cause = new pg.DatabaseError(message, 0, "error");
  cause.code = "42501";
  return cause;
}

/**
 * Refuses a queue of another owner: row level security keeps everybody but members
 * of the owner from adding jobs, whatever the grants say.
 */
export async function checkWorkerOwner(client: pg.ClientBase, schema: string): Promise<void> {
  const { rows } = await client.query(
    `select pg_get_userbyid(c.relowner) as owner, current_user as ours,
            pg_has_role(current_user, c.relowner, 'usage') as usable
       from pg_catalog.pg_class c
      where c.oid = $1::regclass`,
    [`${pg.escapeIdentifier(schema)}._private_jobs`],
  );
  if (!rows[0].usable) throw foreignQueue(schema, rows[0]);
}

/** Refuses a queue whose schema this role may not enter, before graphile-worker looks at it. */
export async function checkQueueEntry(client: pg.ClientBase, schema: string): Promise<void> {
  const { rows } = await client.query(
    `select pg_get_userbyid(n.nspowner) as owner, current_user as ours
       from pg_namespace n
      where n.nspname = $1 and not has_schema_privilege(n.oid, 'usage')`,
    [schema],
  );
  if (rows[0] !== undefined) throw foreignQueue(schema, rows[0]);
}

function foreignQueue(
  schema: string,
  { owner, ours }: { readonly owner: string; readonly ours: string },
): AmpsyncError {
  return new AmpsyncError("SY901", `the queue ${schema} belongs to another role`, {
    detail: `Its owner is ${owner}, this session is ${ours}.`,
    hint: `grant ${pg.escapeIdentifier(owner)} to ${pg.escapeIdentifier(ours)}; -- or a queue of its own, for ampsync migrate and all workers: GRAPHILE_WORKER_SCHEMA=${ownQueue(schema)}`,
  });
}
