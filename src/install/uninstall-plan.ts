import pg from "pg";

import { AmpsyncError } from "../errors.ts";
import { type Installed, readInstalled, readQueueRevision } from "./installed.ts";

const SCHEMAS = ["ampsync", "ampsync_worker", "ampsync_private"] as const;

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
      ...views.map((view) => ({ object: `view ${view}`, note: "shows the checkpoints of ampsync" })),
    ],
    keeps: [...state.targets, ...queues.keep],
    workers: state.workers,
    schemas: [...SCHEMAS, ...queues.drop],
    sharedQueues: queues.shared,
    views,
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
        and d.refclassid = 'pg_class'::regclass and d.refobjid = to_regclass('ampsync.checkpoints')
        and v.relname = '_ampsync_checkpoints' and v.relkind = 'v'
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
