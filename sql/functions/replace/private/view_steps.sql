-- Statements that make the views of a table read the one that replaces it, to be executed once
-- that has its name: in their place where possible, else they are dropped and created again with
-- all that hangs on them (dependent_views).
create or replace function ampsync_private.view_steps(
  p_old regclass,
  p_new regclass
)
  returns table (class_id oid, object_id oid, ddl text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with affected as (
    select v.view, v.level, v.is_recreated, r.oid as rule_id, pg_get_userbyid(c.relowner) as owner,
           'create or replace view ' || v.view
           || coalesce((select format(' with (%s)', string_agg(format('%I = %L', o.option_name, o.option_value), ', '))
                          from pg_options_to_table(c.reloptions) o
                        having count(*) > 0), '')
           || ' as ' || pg_get_viewdef(v.view) as definition
      from ampsync_private.dependent_views(
             p_old, (select coalesce(array_agg(f.name), '{}')
                       from ampsync_private.column_fate(p_old, ampsync_private.table_columns(p_new)) f
                      where f.changed)) v
      join pg_class c on c.oid = v.view
      join pg_rewrite r on r.ev_class = v.view and r.rulename = '_RETURN'
     where v.is_direct or v.is_recreated
  )
  select 'pg_class'::regclass::oid, s.view::oid, s.ddl
    from (select 1, -a.level, 1, a.view, format('drop view %s', a.view)
            from affected a
           where a.is_recreated
          union all
          select 2, a.level, 1, a.view, a.definition
            from affected a
          union all
          select 2, a.level, 1 + p.n, a.view, p.ddl
            from affected a
           cross join lateral ampsync_private.view_property_steps(a.view) with ordinality
                           p(class_id, object_id, ddl, n)
           where a.is_recreated) s(phase, level, n, view, ddl)
   order by s.phase, s.level, s.view, s.n;
$$;

comment on function ampsync_private.view_steps(regclass, regclass)
  is 'Statements that make the views of a table read the one that replaces it.';
