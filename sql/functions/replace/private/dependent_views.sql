-- The views that read a table, through one another as well, each with its level above the
-- table. A view that reads the table itself is defined anew in its place, so that nothing
-- changes for what depends on it. That is impossible where a column of the view may change its
-- type: such views, and those on top of them, are dropped and created again (is_recreated).
create or replace function ampsync_private.dependent_views(
  p_table   regclass,
  p_changed name[]
)
  returns table (view regclass, level integer, is_direct boolean, is_recreated boolean)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
    with recursive reads (view, source, level, is_recreated) as (
      select r.ev_class, p_table::oid, 1, bool_or(d.columns && p_changed)
        from ampsync_private.dependents(p_table) d
        join pg_rewrite r on d.class_id = 'pg_rewrite'::regclass and r.oid = d.object_id and r.rulename = '_RETURN'
        join pg_class v on v.oid = r.ev_class and v.relkind = 'v'
       group by r.ev_class
      union
      select r.ev_class, b.view, b.level + 1, b.is_recreated
        from reads b
        join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = b.view
                        and d.classid = 'pg_rewrite'::regclass
        join pg_rewrite r on r.oid = d.objid and r.rulename = '_RETURN' and r.ev_class <> b.view
        join pg_class v on v.oid = r.ev_class and v.relkind = 'v'
    )
    select b.view::regclass, max(b.level), bool_or(b.source = p_table), bool_or(b.is_recreated)
      from reads b
     group by b.view;
end;
$$;

comment on function ampsync_private.dependent_views(regclass, name[])
  is 'The views that read a table, directly or through others, with their levels above it.';
