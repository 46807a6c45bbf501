-- The query that shows what depends on a table, as a hint where no statement would help.
create or replace function ampsync_private.dependents_query(
  p_table regclass
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select format('select pg_describe_object(classid, objid, objsubid) from pg_depend where refobjid = %L::regclass;',
                p_table);
$$;

comment on function ampsync_private.dependents_query(regclass)
  is 'The query that shows what depends on a table.';
