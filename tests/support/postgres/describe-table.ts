import type { TestDatabase } from "./postgres.ts";

/**
 * Everything that the catalogue holds about a table and what hangs on it, one fact per line, sorted, and by name: two
 * tables that nobody could tell apart have the same lines. Views are followed through one another.
 */
export async function describeTable(
  db: Pick<TestDatabase, "query">,
  name: string,
): Promise<readonly string[]> {
  const { rows } = await db.query<{ fact: string }>(FACTS, [name]);
  return rows.map(({ fact }) => fact);
}

const FACTS = `
  with recursive relation (oid) as (
    select $1::regclass::oid
    union
    select r.ev_class
      from relation b
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = b.oid
                      and d.classid = 'pg_rewrite'::regclass
      join pg_rewrite r on r.oid = d.objid
  ),
  class as (
    select c.*, c.oid::regclass::text as name from relation b join pg_class c using (oid)
  ),
  indexed as (
    select c.name as table_name, i.*, x.relname, x.reloptions, i.indexrelid::regclass::text as name
      from class c
      join pg_index i on i.indrelid = c.oid
      join pg_class x on x.oid = i.indexrelid
  ),
  fact (subject, fact) as (
    select c.name, concat_ws(' ', c.relkind, 'owner', pg_get_userbyid(c.relowner),
                             'options', array(select unnest(c.reloptions) order by 1),
                             'toast', array(select unnest(t.reloptions) order by 1),
                             'identity', c.relreplident, 'rls', c.relrowsecurity, c.relforcerowsecurity,
                             'comment', obj_description(c.oid, 'pg_class'))
      from class c left join pg_class t on t.oid = c.reltoastrelid
    union all
    select c.name, concat_ws(' ', 'grant', a.name, e.privilege_type, 'to', e.grantee::regrole, 'by', e.grantor::regrole,
                             e.is_grantable)
      from class c
     cross join lateral (select null, coalesce(c.relacl, acldefault('r', c.relowner))
                         union all
                         select k.attname, k.attacl from pg_attribute k
                          where k.attrelid = c.oid and k.attnum > 0 and not k.attisdropped) a(name, acl)
     cross join lateral aclexplode(a.acl) e
    union all
    select c.name, concat_ws(' ', 'column', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                             'default', pg_get_expr(d.adbin, d.adrelid), 'statistics', coalesce(a.attstattarget, -1),
                             'storage', a.attstorage, 'compression', a.attcompression, 'options', a.attoptions,
                             'comment', col_description(c.oid, a.attnum))
      from class c
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    union all
    select i.table_name, concat_ws(' ', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid, 'cluster', i.indisclustered,
                                   'identity', i.indisreplident, 'comment', obj_description(i.indexrelid, 'pg_class'),
                                   'statistics', (select array_agg(coalesce(a.attstattarget, -1) order by a.attnum)
                                                    from pg_attribute a where a.attrelid = i.indexrelid))
      from indexed i
    union all
    select c.name, concat_ws(' ', 'constraint', k.conname, k.contype, pg_get_constraintdef(k.oid), k.conindid::regclass,
                             'comment', obj_description(k.oid, 'pg_constraint'))
      from class c join pg_constraint k on k.conrelid = c.oid
    union all
    select c.name, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled, 'comment', obj_description(t.oid, 'pg_trigger'))
      from class c join pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal
    union all
    select c.name, concat_ws(' ', pg_get_ruledef(r.oid), r.ev_enabled, 'comment', obj_description(r.oid, 'pg_rewrite'))
      from class c join pg_rewrite r on r.ev_class = c.oid
    union all
    select c.name, concat_ws(' ', pg_get_statisticsobjdef(s.oid), 'owner', s.stxowner::regrole, coalesce(s.stxstattarget, -1),
                             'comment', obj_description(s.oid, 'pg_statistic_ext'))
      from class c join pg_statistic_ext s on s.stxrelid = c.oid
    union all
    select c.name, concat_ws(' ', 'publication', to_jsonb(p) - 'attnames',
                             exists (select from pg_publication_rel r join pg_publication q on q.oid = r.prpubid
                                      where r.prrelid = c.oid and q.pubname = p.pubname),
                             (select to_jsonb(p) -> 'attnames' from pg_publication_rel r join pg_publication q on q.oid = r.prpubid
                               where r.prrelid = c.oid and q.pubname = p.pubname and to_jsonb(r) ->> 'prattrs' is not null))
      from class c
      join pg_namespace n on n.oid = c.relnamespace
      join pg_publication_tables p on p.schemaname = n.nspname and p.tablename = c.relname
    union all
    select p.tablename, concat_ws(' ', 'policy', p.*)
      from pg_policies p
    union all
    select c.name, concat_ws(' ', 'policy', p.polname, 'comment', obj_description(p.oid, 'pg_policy'))
      from class c join pg_policy p on p.polrelid = c.oid
    union all
    select c.name, concat_ws(' ', pg_get_functiondef(p.oid), 'owner', p.proowner::regrole, p.proacl)
      from class c
      join pg_depend d on d.refobjid = c.oid and d.classid = 'pg_proc'::regclass
      join pg_proc p on p.oid = d.objid
    union all
    select c.name, concat_ws(' ', 'depends:', d.deptype, pg_describe_object(d.classid, d.objid, d.objsubid), 'on',
                             pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid))
      from class c
      join pg_depend d on c.oid in (d.refobjid, d.objid) and d.deptype <> 'i'
  )
  select distinct f.subject || ': ' || f.fact collate "C" as fact
    from fact f
   order by 1`;
