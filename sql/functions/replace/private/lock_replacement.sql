-- Locks everything that replace_target changes for these tables (the old ones and the new ones),
-- so that readers wait for nothing else afterwards: first the views that read them, top down,
-- and other tables whose policies or rules use them, as a reader does; then the tables, in OID
-- order; then the functions in standard SQL that use them (hold_functions). All of it within 300 ms,
-- then 55P03: whoever queues up behind us waits no longer, and no reader that meets us in another
-- order gets as far as a deadlock (deadlock_timeout, 1 s).
-- The build of an index on the tables is ended before.
--
-- A caller that replaces several tables in one transaction calls it for all of them first.
--
-- Locks: as said, access exclusive.
create or replace function ampsync_private.lock_replacement(
  p_tables regclass[]
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
  set jit = off
as $$
declare
  v_until timestamptz;
  v_lock  record;
begin
  perform ampsync_private.end_index_builds(p_tables::oid[]);
  v_until := ampsync_private.now() + interval '300 ms';
  for v_lock in
    with dependent as (
      select v.view as relation, -v.level as level
        from unnest(p_tables) t(oid)
       cross join lateral ampsync_private.dependent_views(t.oid, '{}') v
      union all
      select coalesce(p.polrelid, r.ev_class), 0
        from unnest(p_tables) t(oid)
       cross join lateral ampsync_private.dependents(t.oid) d
        left join pg_policy p on d.class_id = 'pg_policy'::regclass and p.oid = d.object_id
        left join pg_rewrite r on d.class_id = 'pg_rewrite'::regclass and r.oid = d.object_id
                                                                              and r.rulename <> '_RETURN'
       where coalesce(p.polrelid, r.ev_class) <> all (p_tables)
      union all
      select t.oid, 1
        from unnest(p_tables) t(oid)
    )
    select c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) as name, pg_get_userbyid(c.relowner) as owner
      from dependent d
      join pg_class c on c.oid = d.relation
      join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v')
     group by c.oid, c.relkind, n.nspname, c.relname, c.relowner
     order by min(d.level), c.oid
  loop
    perform set_config('lock_timeout',
                       greatest(1, ceil(extract(epoch from v_until - ampsync_private.now()) * 1000)) || 'ms', true);
    if v_lock.relkind = 'v' then -- LOCK TABLE would lock all tables that the view reads.
      execute format('alter view %s owner to %I', v_lock.name, v_lock.owner);
    else
      execute format('lock table only %s in access exclusive mode', v_lock.name);
    end if;
  end loop;

  perform set_config('lock_timeout',
                     greatest(1, ceil(extract(epoch from v_until - ampsync_private.now()) * 1000)) || 'ms', true);
  perform ampsync_private.hold_functions(p_tables);
end;
$$;

comment on function ampsync_private.lock_replacement(regclass[])
  is 'Lock tables that are to be replaced, and what reads them, within 300 ms.';
