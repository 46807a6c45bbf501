-- Whether columns with bad values may have NULL instead: there are some, none of them is of the key, and
-- none is NOT NULL.
--
-- p_columns: [{"column"}]
create or replace function ampsync_private.may_be_null(
  p_stream  ampsync_private.stream,
  p_source  jsonb,
  p_columns jsonb
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select count(*) > 0
         and bool_and(not a.attnotnull and c.value ->> 'column' <> all (ampsync_private.source_key(p_source)))
    from jsonb_array_elements(p_columns) c
    join pg_attribute a on a.attrelid = p_stream.target and a.attname = c.value ->> 'column';
$$;

comment on function ampsync_private.may_be_null(ampsync_private.stream, jsonb, jsonb)
  is 'Whether columns with bad values may have NULL instead.';
