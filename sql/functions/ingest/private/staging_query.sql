-- The query of the view of what is staged: the columns of the source. Those that programs know come first, as they
-- know them.
create or replace function ampsync_private.staging_query(
  p_dataset text,
  p_source  jsonb
)
  returns text
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select format('select s.* from ampsync.staged_records(%L) r cross join lateral jsonb_to_record(r) s(%s)', p_dataset,
                string_agg(format('%I %s', c.value ->> 'name', c.value ->> 'type'), ', '
                           order by array_position('{id,event_type,timestamp,data}', c.value ->> 'name'), c.n))
    from jsonb_array_elements(p_source -> 'columns') with ordinality c(value, n);
$$;

comment on function ampsync_private.staging_query(text, jsonb)
  is 'The query of the view of what is staged of a source.';
