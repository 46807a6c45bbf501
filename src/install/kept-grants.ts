import type pg from "pg";

/** A right on a view or function of ours, and the statement that grants it. */
interface Grant {
  readonly object: string;
  readonly kind: "table" | "function";
  readonly statement: string;
}

/** What roles other than the owner were granted on the views and functions for people. */
export async function grantsOf(client: pg.ClientBase): Promise<readonly Grant[]> {
  const { rows } = await client.query<Grant>(
    `select o.object, o.kind,
            format('grant %s%s on %s %s to %s%s', a.privilege_type, o.columns, o.kind, o.object,
                   a.grantee::regrole, case when a.is_grantable then ' with grant option' else '' end) as statement
       from (select c.oid::regclass::text as object, 'table' as kind, '' as columns, c.relacl as acl, c.relowner as owner
               from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where n.nspname = 'ampsync' and c.relkind = 'v'
              union all
             select c.oid::regclass::text, 'table', format(' (%I)', t.attname), t.attacl, c.relowner
               from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute t on t.attrelid = c.oid
              where n.nspname = 'ampsync' and c.relkind = 'v'
              union all
             select p.oid::regprocedure::text, 'function', '', p.proacl, p.proowner
               from pg_proc p join pg_namespace n on n.oid = p.pronamespace
              where n.nspname = 'ampsync' and p.prokind = 'f') o
      cross join lateral aclexplode(o.acl) a
      where a.grantee not in (0, o.owner)
      order by 3`,
  );
  return rows;
}

/** Grants again what was lost when an object was dropped and made again. What is gone for good is passed over. */
export async function giveBack(client: pg.ClientBase, grants: readonly Grant[]): Promise<void> {
  const present = new Set((await grantsOf(client)).map(({ statement }) => statement));
  for (const { object, kind, statement } of grants.filter((each) => !present.has(each.statement))) {
    const lookup = kind === "table" ? "to_regclass" : "to_regprocedure";
    const { rows } = await client.query(`select ${lookup}($1) is not null as exists`, [object]);
    if (rows[0].exists) await client.query(statement);
  }
}
