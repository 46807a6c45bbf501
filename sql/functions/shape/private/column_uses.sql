-- What columns were as a shape was made of them: {name: {"type", "typmod"}}.
create or replace function ampsync_private.column_uses(
  p_columns jsonb,
  p_names   text[]
)
  returns jsonb
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_object_agg(c.col ->> 'name', jsonb_build_object('type', c.col -> 'type',
                                                                        'typmod', c.col -> 'typmod')), '{}')
    from jsonb_array_elements(p_columns) c(col)
   where c.col ->> 'name' = any (p_names);
$$;

comment on function ampsync_private.column_uses(jsonb, text[])
  is 'What columns were as a shape was made of them.';
