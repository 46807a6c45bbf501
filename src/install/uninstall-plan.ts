import pg from "pg";

import { AmpsyncError } from "../errors.ts";
import { type Installed, readInstalled, readQueueRevision } from "./installed.ts";
import { ROLES } from "./rights.ts";

/** All that is ours but the queue. */
export const SCHEMAS = ["ampsync", "ampsync_worker", "ampsync_private"] as const;

/** Something in the database, and what a person should know about it before it is dropped or kept. */
export interface PlannedObject {
  readonly object: string;
  readonly note: string;
}

/** What uninstalling drops, and what it keeps. */
export interface UninstallPlan {
  readonly drops: readonly PlannedObject[];
  readonly keeps: readonly PlannedObject[];
  /** Workers that are alive: they will end. */
  readonly workers: number;
  /** Schemas to drop: ours, and those of queues that only we use. */
  readonly schemas: readonly string[];
  /** Schemas of queues that stay: only our jobs are removed from them. */
  readonly sharedQueues: readonly string[];
  /** Views of ours in the schemas of targets. */
  readonly views: readonly string[];
  /** Takes back what the roles were given on what stays. */
  readonly revokes: readonly string[];
  /** Drops the roles, which may be in use in other databases; empty where there are none. */
  readonly rolesLeft: readonly string[];
}

/** Null if nothing is installed. Throws SY901 for a role that may not drop what is. */
export async function planUninstall(client: pg.ClientBase): Promise<UninstallPlan | null> {
  await checkOwner(client, SCHEMAS);
  const installed = await readInstalled(client);
  if (installed === null) {
    return null;
  }
  const queues = await sortQueues(client, installed);
  await checkOwner(client, queues.drop);
  const views = await checkpointViews(client);
  const state = await describeState(client);
  return {
    drops: [
      { object: `schemas ${SCHEMAS.join(", ")}`, note: state.summary },
      ...queues.drop.map((schema) => ({
        object: `schema ${schema}`,
        note: "the queue that ampsync migrate created",
      })),
      ...views.map((view) => ({ object: `view ${view}`, note: "shows what ampsync holds" })),
    ],
    keeps: [...state.targets, ...queues.keep],
    workers: state.workers,
    schemas: [...SCHEMAS, ...queues.drop],
    sharedQueues: queues.shared,
    views,
    revokes: await revokes(client, queues.shared),
    rolesLeft: await dropsOfRoles(client),
  };
}

/** Everything in a schema can be dropped by a member of the role that owns the schema. */
async function checkOwner(client: pg.ClientBase, schemas: readonly string[]): Promise<void> {
  const { rows } = await client.query(
    `select n.nspname as schema, pg_get_userbyid(n.nspowner) as owner, current_user as ours
       from pg_namespace n
      where n.nspname = any($1) and not pg_has_role(n.nspowner, 'usage')
      order by n.nspname`,
    [schemas],
  );
  if (rows.length > 0) {
    const { schema, owner, ours } = rows[0];
    throw new AmpsyncError("SY901", `role ${ours} may not drop the schema ${schema}`, {
      detail: `Its owner is ${owner}. Nothing was changed.`,
      hint: `Run ampsync uninstall as ${owner}, or: grant ${pg.escapeIdentifier(owner)} to ${pg.escapeIdentifier(ours)};`,
    });
  }
}

interface Queues {
  readonly drop: readonly string[];
  readonly shared: readonly string[];
  readonly keep: readonly PlannedObject[];
}

/** A queue is dropped if we created it and nobody else has ever had a task in it. */
async function sortQueues(client: pg.ClientBase, { queues }: Installed): Promise<Queues> {
  const [drop, shared, keep]: [string[], string[], PlannedObject[]] = [[], [], []];
  for (const { schema, isOurs } of queues) {
    if ((await readQueueRevision(client, schema)) === null) {
      continue;
    }
    const { rows } = await client.query<{ tasks: string | null }>(
      `select string_agg(t.identifier, ', ' order by t.identifier) as tasks
         from ${pg.escapeIdentifier(schema)}._private_tasks t
        where t.identifier not like 'ampsync\\_%'`,
    );
    const others = rows[0]?.tasks ?? null;
    if (isOurs && others === null) {
      drop.push(schema);
    } else {
      shared.push(schema);
      const reason = isOurs
        ? `it has tasks that are not ours: ${others}`
        : "the queue of another application";
      keep.push({ object: `schema ${schema}`, note: `${reason}; only jobs of ampsync are removed from it` });
    }
  }
  return { drop, shared, keep };
}

async function checkpointViews(client: pg.ClientBase): Promise<readonly string[]> {
  const { rows } = await client.query<{ view: string }>(
    `select distinct v.oid::regclass::text as view
       from pg_depend d
       join pg_rewrite r on r.oid = d.objid
       join pg_class v on v.oid = r.ev_class
      where d.classid = 'pg_rewrite'::regclass
        and v.relkind = 'v'
        and (d.refclassid = 'pg_class'::regclass and d.refobjid = to_regclass('ampsync.checkpoints')
             and v.relname = '_ampsync_checkpoints'
             or d.refobjid in (to_regclass('ampsync_private.part')::oid,
                               to_regprocedure('ampsync.staged_records(text)')::oid)
             and obj_description(v.oid, 'pg_class') like 'Made by ampsync.create_seed_views%')
        and pg_has_role(v.relowner, 'usage')
      order by view`,
  );
  return rows.map(({ view }) => view);
}

interface State {
  readonly summary: string;
  readonly targets: readonly PlannedObject[];
  readonly workers: number;
}

/** An installation that failed half-way has a queue recorded, but no datasets. */
async function describeState(client: pg.ClientBase): Promise<State> {
  const { rows } = await client.query("select to_regclass('ampsync_private.worker') is not null as made");
  if (!rows[0].made) {
    return { summary: "an installation that was not completed", targets: [], workers: 0 };
  }
  const counted = await client.query(
    `select (select count(*) from ampsync_private.dataset)::integer as datasets,
            (select count(*) from ampsync_private.event)::integer as events,
            (select count(*) from ampsync_private.reject)::integer as rejects,
            (select count(*) from ampsync_private.worker w
              where w.heartbeat_at > ampsync_private.now() - interval '1 minute')::integer as workers`,
  );
  const { datasets, events, rejects, workers } = counted.rows[0];
  const targets = await client.query<PlannedObject>(
    `select 'table ' || c.oid::regclass as object,
            format('%s of %s; its rows end at block %s', s.table_name, d.label,
                   coalesce(s.checkpoint_block::text, 'none')) as note
       from ampsync_private.stream s
       join ampsync_private.dataset d using (dataset_id)
       join pg_class c on c.oid = s.target
      where s.shadow_of is null
      order by c.oid::regclass::text`,
  );
  return {
    summary: `state of ${datasets} datasets and their ${targets.rows.length} tables, ${events} events, ${rejects} rejected rows`,
    targets: targets.rows,
    workers,
  };
}

/** On the database, targets with their schemas, and the queues of others: elsewhere grants go with their objects. */
async function revokes(client: pg.ClientBase, sharedQueues: readonly string[]): Promise<readonly string[]> {
  const { rows: made } = await client.query<{ made: boolean }>(
    "select to_regclass('ampsync_private.stream') is not null as made",
  );
  const targets = made[0]!.made
    ? "select s.target::oid from ampsync_private.stream s where s.shadow_of is null"
    : "select null::oid";
  const { rows } = await client.query<{ statement: string }>(
    `with queue as (
       select n.oid from pg_namespace n where n.nspname = any ($2)
     ), kept as (
       select c.oid, c.relnamespace from pg_class c where c.oid in (${targets})
     ), object (kind, name, acl) as (
       select 'database', quote_ident(d.datname), d.datacl from pg_database d where d.datname = current_database()
        union all
       select 'schema', quote_ident(n.nspname), n.nspacl
         from pg_namespace n where n.oid in (select k.relnamespace from kept k union select q.oid from queue q)
        union all
       select case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass::text, c.relacl
         from pg_class c
        where c.oid in (select k.oid from kept k)
           or c.relnamespace in (select q.oid from queue q) and c.relkind in ('r', 'p', 'v', 'S')
     )
     select distinct format('revoke all on %s %s from %I', o.kind, o.name, r.rolname) as statement
       from object o
      cross join lateral aclexplode(o.acl) g
       join pg_roles r on r.oid = g.grantee
      where r.rolname = any ($1) and g.grantor <> g.grantee and pg_has_role(g.grantor, 'usage')
      union all
     select format('drop policy %I on %s', p.polname, p.polrelid::regclass)
       from pg_policy p
       join pg_class c on c.oid = p.polrelid
      where p.polname = 'ampsync_worker' and c.relnamespace in (select q.oid from queue q)
        and pg_has_role(c.relowner, 'usage')
      order by 1`,
    [ROLES, sharedQueues],
  );
  return rows.map(({ statement }) => statement);
}

async function dropsOfRoles(client: pg.ClientBase): Promise<readonly string[]> {
  const { rows } = await client.query<{ role: string; owns: boolean; ours: string }>(
    `select r.rolname as role, quote_ident(current_user) as ours, exists (
              select from pg_shdepend d where d.refclassid = 'pg_authid'::regclass and d.refobjid = r.oid and d.deptype = 'o'
            ) as owns
       from pg_roles r
      where r.rolname = any ($1)
      order by array_position($1, r.rolname::text)`,
    [ROLES],
  );
  if (rows.length === 0) {
    return [];
  }
  const reassigned = rows
    .filter(({ owns }) => owns)
    .map(({ role, ours }) => `reassign owned by ${role} to ${ours}; drop owned by ${role};`);
  return [...reassigned, `drop role ${rows.map(({ role }) => role).join(", ")};`];
}
