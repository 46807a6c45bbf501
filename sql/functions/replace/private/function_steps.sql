-- Statements that define anew the functions with a body in standard SQL that use a table, to be
-- executed once another one has its name. Owner, grants and what depends on them stay. Nobody changes
-- them in between: hold_functions.
create or replace function ampsync_private.function_steps(
  p_old regclass
)
  returns table (class_id oid, object_id oid, ddl text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select d.class_id, d.object_id, pg_get_functiondef(d.object_id)
    from ampsync_private.dependents(p_old) d
   where d.class_id = 'pg_proc'::regclass;
$$;

comment on function ampsync_private.function_steps(regclass)
  is 'Statements that define anew the functions in standard SQL that use a table.';
