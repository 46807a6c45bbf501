-- What decides how rows are decoded: which columns are the key, and which are generated.
create or replace function ampsync_private.decoded_as(
  p_columns jsonb
)
  returns jsonb
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(jsonb_build_array(c.col -> 'name', c.col -> 'key', c.col -> 'generated')
                            order by c.n), '[]')
    from jsonb_array_elements(p_columns) with ordinality c(col, n)
   where (c.col ->> 'key')::boolean or c.col ->> 'generated' is not null;
$$;

comment on function ampsync_private.decoded_as(jsonb)
  is 'Key and generated columns: where they differ, rows decoded before must be decoded again.';
