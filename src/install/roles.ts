import pg from "pg";
import { GATEWAY_CALLS } from "../model/gateway-functions.ts";
import type { Queue } from "../model/queue.ts";
import { FUNCTION_RIGHTS, INSTALLER_TABLES, READERS, ROLES, VIEW_RIGHTS } from "./rights.ts";

/** What migrating leaves to somebody with more rights. Both are empty where nothing is left. */
export interface RolesLeft {
  /** Roles that do not exist, and that this role may not create. */
  readonly missing: readonly string[];
  /** Statements for a role that may run them. */
  readonly statements: readonly string[];
}

const WORKER = "ampsync_worker";
const GATEWAY = "ampsync_gateway";

/**
 * Creates the missing roles where this role may. They belong to the whole cluster: another database may be doing
 * the same. Called outside of a transaction.
 */
export async function createRoles(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ role: string }>(
    `select r.name as role
       from unnest($1::text[]) r(name)
       join pg_roles u on u.rolname = current_user
      where (u.rolsuper or u.rolcreaterole) and to_regrole(r.name) is null`,
    [ROLES],
  );
  for (const { role } of rows) {
    await unlessDone(client, `create role ${role}`);
  }
  const join = await joinStatement(client);
  if (join?.isAllowed === true) {
    await unlessDone(client, join.statement);
  }
}

/** Somebody else was faster, or has more rights than the catalogue shows this role to lack. */
async function unlessDone(client: pg.ClientBase, statement: string): Promise<void> {
  try {
    await client.query(statement);
  } catch (error) {
    const known = ["42710", "23505", "42501", "XX000"]; // Exists, twice at once, not permitted, twice at once.
    if (!(error instanceof pg.DatabaseError) || !known.includes(error.code ?? "")) throw error;
  }
}

/** Doors run as the owner of ampsync, who drops and swaps what belongs to the workers' role. Null: he has its rights. */
async function joinStatement(
  client: pg.ClientBase,
): Promise<{ readonly statement: string; readonly isAllowed: boolean } | null> {
  const { rows } = await client.query(
    `select case when v.is_16 then format('grant %I to %I with inherit true, set true', r.rolname, u.rolname)
                 when u.rolinherit then format('grant %I to %I', r.rolname, u.rolname)
                 else format('grant %1$I to %2$I; alter role %2$I inherit', r.rolname, u.rolname) end as statement,
            case when v.is_16 then pg_has_role(r.oid, 'member with admin option') else u.rolcreaterole end
              as "isAllowed"
       from pg_roles r
      cross join (select current_setting('server_version_num')::integer >= 160000) v(is_16)
       join pg_roles u on u.rolname = current_user
      where r.rolname = $1 and not pg_has_role(r.oid, 'usage')`,
    [WORKER],
  );
  return rows[0] ?? null;
}

/**
 * The grants that the roles which exist lack, as statements: of a second call none. What is given once, and may be
 * taken back: to operators the right to make schemas, to readers that to read the targets that exist.
 */
export async function missingGrants(client: pg.ClientBase, queue: Queue): Promise<readonly string[]> {
  const functions = Object.entries(FUNCTION_RIGHTS).flatMap(([name, roles]) =>
    roles.map((role) => ({ name, role })),
  );
  const { rows } = await client.query<{ statement: string }>(GRANTS, [
    ROLES,
    functions.map(({ name }) => name),
    functions.map(({ role }) => role),
    INSTALLER_TABLES,
    queue.isOurs ? queue.schema : null,
    Object.keys(VIEW_RIGHTS),
    Object.values(VIEW_RIGHTS).map((roles) => roles.join()),
    READERS,
    GATEWAY_CALLS,
  ]);
  return rows.map(({ statement }) => statement);
}

/** What is left for somebody else to do, once the grants are made. */
export async function rolesLeft(client: pg.ClientBase, queue: Queue): Promise<RolesLeft> {
  const { rows } = await client.query<{ role: string }>(
    "select r.name as role from unnest($1::text[]) r(name) where to_regrole(r.name) is null",
    [ROLES],
  );
  const missing = rows.map(({ role }) => role);
  const join = missing.includes(WORKER) ? await joinLater(client) : await joinStatement(client);
  const others = await client.query<{ statement: string }>(LEFT, [queue.isOurs ? null : queue.schema]);
  return {
    missing,
    statements: [
      ...missing.map((role) => `create role ${role};`),
      ...(join === null ? [] : [`${join.statement};`]),
      ...others.rows.map(({ statement }) => `${statement};`),
    ],
  };
}

/** For a role that does not exist yet. */
async function joinLater(client: pg.ClientBase): Promise<{ readonly statement: string } | null> {
  const { rows } = await client.query(
    `select format('grant ${WORKER} to %I', u.rolname)
              || case when current_setting('server_version_num')::integer >= 160000
                      then ' with inherit true, set true' else '' end as statement
       from pg_roles u
      where u.rolname = current_user and not u.rolsuper`,
  );
  return rows[0] ?? null;
}

/**
 * $1 roles, $2 and $3 functions and who may call them, $4 tables that workers only read, $5 our queue or null, $6 and $7
 * views that not all may read, and who may, $8 who may read all others, $9 what gateways call.
 *
 * Has a role the right some other way, by membership for instance, it needs no grant.
 */
const GRANTS = `
  with role as (
    select r.oid, r.rolname as name, not has_schema_privilege(r.oid, 'ampsync', 'usage') as is_new
      from pg_roles r
     where r.rolname = any ($1)
  ), worker as (
    select * from role where name = '${WORKER}'
  ), queue as (
    select n.oid, n.nspname as name from pg_namespace n where n.nspname = $5 and pg_has_role(n.nspowner, 'usage')
  ), grants (rank, statement) as (
    select 1, format('grant usage on schema ampsync to %I', r.name) from role r where r.is_new
     union all
    select 1, format('grant select on %s to %I', c.oid::regclass, r.name)
      from pg_class c cross join role r
     where c.relnamespace = 'ampsync'::regnamespace and c.relkind = 'v' and r.name = any ($8)
       and not has_table_privilege(r.oid, c.oid, 'select')
       and not exists (select from unnest($6::text[], $7::text[]) v(name, roles)
                        where v.name = c.relname and r.name <> all (string_to_array(v.roles, ',')))
     union all
    select 1, format('grant execute on %s %s to %I', case p.prokind when 'p' then 'procedure' else 'function' end,
                     p.oid::regprocedure, r.name)
      from unnest($2::text[], $3::text[]) f(name, role)
      join pg_proc p on p.proname = f.name and p.pronamespace = 'ampsync'::regnamespace
      join role r on r.name = f.role
     where not has_function_privilege(r.oid, p.oid, 'execute')
     union all
    select 1, format('grant usage on schema ampsync_worker to %I', g.name)
      from role g
     where g.name = '${GATEWAY}' and not has_schema_privilege(g.oid, 'ampsync_worker', 'usage')
     union all
    select 1, format('grant execute on routine %s to %I', p.oid::regprocedure, g.name)
      from pg_proc p cross join role g
     where p.pronamespace = 'ampsync_worker'::regnamespace and p.proname = any ($9) and g.name = '${GATEWAY}'
       and not has_function_privilege(g.oid, p.oid, 'execute')
     union all
    select 1, format('grant %s on schema %I to %I', s.rights, s.name, w.name)
      from (values ('ampsync_worker', 'usage'), ('ampsync_private', 'usage, create')) s(name, rights) -- Shadows.
     cross join worker w
     where not has_schema_privilege(w.oid, s.name, split_part(s.rights, ' ', -1))
     union all
    select 1, format('grant execute on routine %s to %I', p.oid::regprocedure, w.name)
      from pg_proc p cross join worker w
     where p.pronamespace in ('ampsync_worker'::regnamespace, 'ampsync_private'::regnamespace)
       and not has_function_privilege(w.oid, p.oid, 'execute')
     union all
    select 1, format('grant %s on %s to %I', t.rights, c.oid::regclass, w.name)
      from pg_class c
     cross join worker w
     cross join lateral (select case when c.relname = any ($4) then 'select'
                                     else 'select, insert, update, delete' end) t(rights)
     where c.relnamespace in ('ampsync_private'::regnamespace, 'ampsync'::regnamespace) and c.relkind in ('r', 'p')
       and pg_has_role(c.relowner, 'usage') and c.relowner <> w.oid -- Shadows are theirs.
       and exists (select from string_to_table(t.rights, ', ') g(part) where not has_table_privilege(w.oid, c.oid, g.part))
     union all
    select 1, format('grant usage on sequence %s to %I', c.oid::regclass, w.name)
      from pg_class c cross join worker w
     where c.relnamespace = 'ampsync_private'::regnamespace and c.relkind = 'S'
       and not has_sequence_privilege(w.oid, c.oid, 'usage')
     union all
    select 1, format('grant usage on schema %I to %I', q.name, w.name)
      from queue q cross join worker w
     where not has_schema_privilege(w.oid, q.oid, 'usage')
     union all
    select 1, format('grant select, insert, update, delete on %s to %I', c.oid::regclass, w.name)
      from queue q join pg_class c on c.relnamespace = q.oid cross join worker w
     where c.relkind in ('r', 'p', 'v')
       and exists (select from unnest('{select,insert,update,delete}'::text[]) g(part)
                    where not has_table_privilege(w.oid, c.oid, g.part))
     union all
    select 1, format('grant usage on sequence %s to %I', c.oid::regclass, w.name)
      from queue q join pg_class c on c.relnamespace = q.oid cross join worker w
     where c.relkind = 'S' and not has_sequence_privilege(w.oid, c.oid, 'usage')
     union all
    -- Workers attach and detach its partitions; functions that run with the former owner's rights read it.
    select 2, format('alter table %1$s owner to %2$I; grant all on %1$s to %3$I',
                     c.oid::regclass, w.name, pg_get_userbyid(c.relowner))
      from pg_class c cross join worker w
     where c.oid = to_regclass('ampsync_private.change') and c.relowner <> w.oid
       and pg_has_role(c.relowner, 'usage') and pg_has_role(w.oid, 'usage')
     union all
    -- graphile-worker enables row level security and has no policies: its tables are open to their owner alone.
    select 2, format('create policy ${WORKER} on %s to %I using (true) with check (true)', c.oid::regclass, w.name)
      from queue q join pg_class c on c.relnamespace = q.oid cross join worker w
     where c.relrowsecurity
       and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = '${WORKER}')
     union all
    select 3, format('grant create on database %I to %I', d.datname, r.name)
      from pg_database d cross join role r
     where d.datname = current_database() and r.name in ('${WORKER}', 'ampsync_operator')
       and (r.name = '${WORKER}' or r.is_new)
       and not has_database_privilege(r.oid, d.oid, 'create')
       and has_database_privilege(d.oid, 'create with grant option')
     union all
    select 3, format('grant usage on schema %I to %I', n.nspname, r.name)
      from role r
     cross join (select distinct c.relnamespace from ampsync_private.stream s join pg_class c on c.oid = s.target
                  where s.shadow_of is null) t
      join pg_namespace n on n.oid = t.relnamespace
     where r.name = 'ampsync_reader' and r.is_new and pg_has_role(n.nspowner, 'usage')
       and not has_schema_privilege(r.oid, n.oid, 'usage')
     union all
    select 3, format('grant select on %s to %I', c.oid::regclass, r.name)
      from role r
     cross join ampsync_private.stream s
      join pg_class c on c.oid = s.target
     where s.shadow_of is null and r.name = 'ampsync_reader' and r.is_new and pg_has_role(c.relowner, 'usage')
       and not has_table_privilege(r.oid, c.oid, 'select')
  )
  select g.statement from grants g order by g.rank, g.statement`;

/** What may need somebody else. $1: the queue of another application, or null. */
const LEFT = `
  select s.statement
    from (select 1, format('grant create on database %I to %I', d.datname, r.name)
            from pg_database d
           cross join (values ('${WORKER}'), ('ampsync_operator')) r(name)
           where d.datname = current_database() and not has_database_privilege(d.oid, 'create with grant option')
             and (to_regrole(r.name) is null
                  or r.name = '${WORKER}' and not has_database_privilege(to_regrole(r.name), d.oid, 'create'))
           union all
          select 2, format('grant pg_signal_backend to %I', current_user)
           where not pg_has_role('pg_signal_backend', 'usage')
           union all
          select 3, format('grant %I to ${WORKER}', o.rolname)
            from pg_namespace n
            join pg_class c on c.relnamespace = n.oid and c.relname = '_private_jobs'
            join pg_roles o on o.oid = c.relowner
           where n.nspname = $1 and o.rolname <> current_user
             and (to_regrole('${WORKER}') is null or not pg_has_role(to_regrole('${WORKER}'), o.oid, 'usage'))
         ) s(rank, statement)
   order by s.rank, s.statement`;
