-- The columns of a table in the form in which the columns of a version are given.
create or replace function ampsync_private.table_columns(
  p_table regclass
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod))
                   order by a.attnum)
    from pg_attribute a
   where a.attrelid = p_table
     and a.attnum > 0
     and not a.attisdropped;
$$;

comment on function ampsync_private.table_columns(regclass)
  is 'The columns of a table as jsonb: [{"name", "type"}].';
