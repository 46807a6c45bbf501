-- Statements that move the extended statistics of a table to the one that replaces it, as far as
-- that has their columns, to be executed once it has the name of the first. The next ANALYZE fills
-- them.
create or replace function ampsync_private.statistics_steps(
  p_old regclass,
  p_new regclass
)
  returns table (class_id oid, object_id oid, ddl text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with moved as (
    select s.oid, format('%I.%I', n.nspname, s.stxname) as name, pg_get_userbyid(s.stxowner) as owner,
           coalesce(s.stxstattarget, -1) as target
      from pg_statistic_ext s
      join pg_namespace n on n.oid = s.stxnamespace
     where s.stxrelid = p_old
       and not exists (select 1
                         from ampsync_private.column_fate(p_old, ampsync_private.table_columns(p_new)) f
                         join ampsync_private.dependents(p_old) d
                           on d.class_id = 'pg_statistic_ext'::regclass and f.name = any (d.columns)
                        where d.object_id = s.oid and f.gone)
  )
  select 'pg_statistic_ext'::regclass::oid, s.oid, s.ddl
    from (select 1, m.oid, format('drop statistics %s', m.name) from moved m
          union all
          select 2, m.oid, pg_get_statisticsobjdef(m.oid) from moved m
          union all
          select 3, m.oid, format('alter statistics %s set statistics %s', m.name, m.target)
            from moved m
           where m.target >= 0
          union all
          select 4, m.oid, format('comment on statistics %s is %L', m.name, obj_description(m.oid, 'pg_statistic_ext'))
            from moved m
           where obj_description(m.oid, 'pg_statistic_ext') is not null
          union all
          select 5, m.oid, format('alter statistics %s owner to %I', m.name, m.owner)
            from moved m
           where m.owner <> current_user) s(n, oid, ddl)
   order by s.n;
$$;

comment on function ampsync_private.statistics_steps(regclass, regclass)
  is 'Statements that move the extended statistics of a table to the one that replaces it.';
