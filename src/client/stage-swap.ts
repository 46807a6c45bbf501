import type { Reader } from "./database.ts";
import { guardOf } from "./schema.ts";
import { stageOf } from "./stage-tables.ts";

/**
 * Whether a table holds nothing, and nothing but ampsync and its own key hangs on it: no view, index, trigger, foreign key,
 * function, right or setting of an application, and no live query of PGlite, which is made of triggers and a view.
 */
const MAY_GO = `
  select c.relacl is null and c.reloptions is null and c.relreplident = 'd' and c.relkind = 'r'
         and not c.relrowsecurity and not c.relhasrules
         and not exists (select from pg_attribute a
                          where a.attrelid = c.oid and num_nonnulls(a.attacl, a.attstattarget) > 0)
         and not exists (
           select from pg_depend d
            where (d.refclassid, d.refobjid) in (
                    ('pg_class'::regclass, c.oid), ('pg_type'::regclass, c.reltype),
                    ('pg_type'::regclass, (select t.typarray from pg_type t where t.oid = c.reltype)))
              and d.deptype <> 'i'
              and not (d.classid = 'pg_attrdef'::regclass
                       and exists (select from pg_attrdef f where f.oid = d.objid and f.adrelid = c.oid))
              and not (d.classid = 'pg_constraint'::regclass
                       and exists (select from pg_constraint k
                                    where k.oid = d.objid and k.conrelid = c.oid and k.contype in ('p', 'n')))
              and not (d.classid = 'pg_trigger'::regclass
                       and exists (select from pg_trigger g where g.oid = d.objid and g.tgname = 'ampsync_refuse')))
         as may
    from pg_class c where c.oid = $1::text::regclass`;

/** Statements that put a stage in the place of a table; none where its columns, or its key, are not the table's. */
const SWAP = `
  with form(oid, columns) as (
    select a.attrelid,
           array_agg((a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attnotnull, a.attgenerated,
                      pg_get_expr(f.adbin, f.adrelid))::text order by a.attnum)
      from pg_attribute a
      left join pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum
     where a.attrelid in ($1::text::regclass, $2::text::regclass) and a.attnum > 0 and not a.attisdropped
     group by 1
  )
  select format('drop table %1$s; alter table %2$s set schema %3$I; alter table %3$I.%4$I rename to %5$I; '
                'alter table %1$s rename constraint %6$I to %7$I',
                $1::text, $2::text, n.nspname, s.relname, t.relname, sk.conname, tk.conname) as statements
    from pg_class t
    join pg_namespace n on n.oid = t.relnamespace
    join pg_class s on s.oid = $2::text::regclass
    join form tf on tf.oid = t.oid
    join form sf on sf.oid = s.oid and sf.columns = tf.columns
    join pg_constraint tk on tk.conrelid = t.oid and tk.contype = 'p'
    join pg_constraint sk on sk.conrelid = s.oid and sk.contype = 'p' and sk.conkey = tk.conkey
   where t.oid = $1::text::regclass`;

/** Whether a stage may become this table, instead of its rows being written a second time. */
export async function mayBecome(tx: Reader, table: string): Promise<boolean> {
  const { rows } = await tx.query<{ may: boolean }>(MAY_GO, [table]);
  if (rows[0]?.may !== true) return false;
  const found = await tx.query<{ empty: boolean }>(`select not exists (select from ${table}) as empty`);
  return found.rows[0]?.empty === true;
}

/** Makes a stage the table, in this transaction; false: that is not possible any more, and nothing was done. */
export async function becomeTable(tx: Reader, snapshot: string, table: string): Promise<boolean> {
  if (!(await mayBecome(tx, table))) return false;
  const { rows } = await tx.query<{ statements: string }>(SWAP, [table, stageOf(snapshot)]);
  if (rows[0] === undefined) return false;
  await tx.exec(rows[0].statements);
  await tx.exec(guardOf(table));
  return true;
}
