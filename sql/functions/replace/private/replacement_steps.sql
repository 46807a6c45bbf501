-- All statements that give a new table what hangs on the old one, in the order in which they are
-- to be executed, once the new one has its name. Written down while the old one has it, so that
-- they name it.
create or replace function ampsync_private.replacement_steps(
  p_old regclass,
  p_new regclass
)
  returns table (class_id oid, object_id oid, ddl text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with target as (
    select format('%I.%I', n.nspname, c.relname) as name
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where c.oid = p_old
  )
  select s.class_id, s.object_id, s.ddl
    from target t
   cross join lateral (
     select 1, i.* from ampsync_private.table_steps(p_old, p_new, t.name) with ordinality i
     union all
     select 2, i.* from ampsync_private.column_steps(p_old, p_new, t.name) with ordinality i
     union all
     select 3, i.* from ampsync_private.index_steps(p_old, p_new, t.name) with ordinality i
     union all
     select 4, i.* from ampsync_private.check_steps(p_old, p_new, t.name) with ordinality i
     union all
     select 5, i.* from ampsync_private.statistics_steps(p_old, p_new) with ordinality i
     union all
     select 6, i.* from ampsync_private.view_steps(p_old, p_new) with ordinality i
     union all
     select 7, i.* from ampsync_private.function_steps(p_old) with ordinality i
     union all
     select 8, i.* from ampsync_private.trigger_steps(p_old, t.name) with ordinality i
     union all
     select 9, i.* from ampsync_private.rule_steps(p_old, t.name) with ordinality i
     union all
     select 10, i.* from ampsync_private.policy_steps(p_old, t.name) with ordinality i
     union all
     select 11, i.* from ampsync_private.publication_steps(p_old, t.name) with ordinality i
   ) s(phase, class_id, object_id, ddl, n)
   order by s.phase, s.n;
$$;

comment on function ampsync_private.replacement_steps(regclass, regclass)
  is 'All statements that give a new table what hangs on the old one.';
