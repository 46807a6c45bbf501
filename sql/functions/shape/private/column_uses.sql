-- What columns are as a shape is made of them: {column: {"type", "typmod", "attnum", "name"}}; name is that of the
-- type, which a restored dump keeps, unlike numbers.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.column_uses(
  p_columns jsonb,
  p_names   text[]
)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_object_agg(c.col ->> 'name', jsonb_build_object('type', c.col -> 'type',
                                                                          'typmod', c.col -> 'typmod',
                                                                          'attnum', c.col -> 'attnum',
                                                                          'name', format_type((c.col ->> 'type')::oid,
                                                                                              null))), '{}')
      from jsonb_array_elements(p_columns) c(col)
     where c.col ->> 'name' = any (p_names));
end;
$$;

comment on function ampsync_private.column_uses(jsonb, text[])
  is 'What columns are as a shape is made of them.';
