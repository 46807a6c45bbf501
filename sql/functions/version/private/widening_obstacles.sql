-- What prevents ALTER COLUMN TYPE on a column of a target, or would make it hold readers up: one
-- row per object, in the order in which they are to be dropped.
--
-- PostgreSQL refuses it while views, rules, policies, triggers, functions with an SQL body,
-- generated columns or the row filter of a publication use the column. It checks CHECK
-- constraints against all rows, and rebuilds indexes with expressions or predicates, while
-- nobody can read the table: these only have no statements here, for a user may decide to wait.
--
-- drop_it, make_it: the statements around an ALTER TABLE; make_it is null where the definition
-- is not for us to repeat.
create or replace function ampsync_private.widening_obstacles(
  p_target regclass,
  p_column text
)
  returns table (object text, drop_it text, make_it text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with recursive used as (
    select d.classid, d.objid, d.objsubid
      from pg_attribute a
      join pg_depend d on d.refclassid = 'pg_class'::regclass
                      and d.refobjid = a.attrelid
                      and d.refobjsubid = a.attnum
     where a.attrelid = p_target
       and a.attname = p_column
  ),
  seen (view, depth) as (
    select distinct r.ev_class, 1
      from used u
      join pg_rewrite r on u.classid = 'pg_rewrite'::regclass and r.oid = u.objid and r.ev_class <> p_target
    union all
    select distinct r.ev_class, s.depth + 1
      from seen s
      join pg_depend d on d.classid = 'pg_rewrite'::regclass
                      and d.refclassid = 'pg_class'::regclass
                      and d.refobjid = s.view
      join pg_rewrite r on r.oid = d.objid and r.ev_class <> s.view
  ),
  found (depth, object, drop_it, make_it) as (
    select max(s.depth), pg_describe_object('pg_class'::regclass, s.view, 0),
           format('drop %s %s; ', v.kind, s.view::regclass),
           format('create %s %s as %s ', v.kind, s.view::regclass, pg_get_viewdef(s.view))
      from seen s
      join pg_class c on c.oid = s.view
     cross join lateral (select case c.relkind when 'm' then 'materialized view' else 'view' end as kind) v
     group by s.view, v.kind
    union all
    select 0, pg_describe_object(u.classid, u.objid, u.objsubid),
           case u.classid
             when 'pg_attrdef'::regclass
               then (select format('alter table %s drop column %I; ', p_target, a.attname)
                       from pg_attrdef f
                       join pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum
                      where f.oid = u.objid)
             when 'pg_publication_rel'::regclass
               then (select format('alter publication %I drop table %s; ', p.pubname, p_target)
                       from pg_publication_rel r
                       join pg_publication p on p.oid = r.prpubid
                      where r.oid = u.objid)
             else (select format('drop %s %s; ', o.type, o.identity)
                     from pg_identify_object(u.classid, u.objid, u.objsubid) o) end,
           null
      from used u
     where u.classid in ('pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass,
                         'pg_publication_rel'::regclass)
        or u.classid = 'pg_rewrite'::regclass
           and exists (select 1 from pg_rewrite r where r.oid = u.objid and r.ev_class = p_target)
        or u.classid = 'pg_attrdef'::regclass
           and exists (select 1
                         from pg_attrdef f
                         join pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum
                        where f.oid = u.objid and a.attname <> p_column)
    union all
    select 0, pg_describe_object(u.classid, u.objid, 0), null, null
      from used u
     where u.classid = 'pg_constraint'::regclass
       and exists (select 1 from pg_constraint k where k.oid = u.objid and k.contype = 'c' and k.convalidated)
        or u.classid = 'pg_class'::regclass
           and exists (select 1
                         from pg_index i
                        where i.indexrelid = u.objid and (i.indexprs is not null or i.indpred is not null))
     group by u.classid, u.objid
  )
  select f.object, f.drop_it, f.make_it
    from found f
   order by f.depth desc, f.object;
$$;

comment on function ampsync_private.widening_obstacles(regclass, text)
  is 'What prevents a column of a target from being widened, and the statements that take it away and back.';
