import type { Database } from "./database.ts";

/** As in `TABLES`: the query becomes the body of a function, whose dependencies PostgreSQL writes down. */
const TABLES = `
  with recursive needs(class, object) as (
    select 'pg_proc'::regclass::oid, $1::text::regprocedure::oid
    union
    select d.refclassid, d.refobjid
      from needs n
      -- What a view needs is written down for its rule.
      left join pg_rewrite w on n.class = 'pg_class'::regclass and w.ev_class = n.object
      join pg_depend d
        on d.deptype = 'n'
       and (d.classid = n.class and d.objid = n.object or d.classid = 'pg_rewrite'::regclass and d.objid = w.oid)
  )
  select (select count(*) from needs where class = 'pg_proc'::regclass) > 1 as opaque,
         coalesce((select jsonb_agg(format('%I.%I', s.nspname, c.relname))
                     from needs n
                     join pg_class c on n.class = 'pg_class'::regclass and c.oid = n.object
                     join pg_namespace s on s.oid = c.relnamespace), '[]') as tables`;

/**
 * The tables whose rows a query depends on, behind views too. Null where functions that somebody made may read others:
 * then any change may be one of them.
 */
export async function tablesRead(
  pg: Database,
  sql: string,
  params: readonly unknown[],
): Promise<ReadonlySet<string> | null> {
  const { queryParams } = await pg.describeQuery(sql);
  if (queryParams.length !== params.length) {
    throw new Error(`the query has ${queryParams.length} parameters, and ${params.length} values were given`);
  }
  return pg.transaction(async (tx) => {
    const types = await tx.query<{ list: string }>(
      "select coalesce(string_agg(format_type(t, null), ', ' order by n), '') as list from unnest($1::oid[]) with ordinality u(t, n)",
      [queryParams.map(({ dataTypeID }) => dataTypeID)],
    );
    const name = `pg_temp.ampsync_live(${types.rows[0]?.list ?? ""})`;
    await tx.exec(
      `create function ${name} returns setof record begin atomic ${sql.replace(/;\s*$/, "")}; end`,
    );
    const { rows } = await tx.query<{ opaque: boolean; tables: string[] }>(TABLES, [name]);
    await tx.rollback();
    return rows[0] === undefined || rows[0].opaque ? null : new Set(rows[0].tables);
  });
}
