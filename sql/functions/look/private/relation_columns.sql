-- Columns as a Relation message tells them, where the catalogue has others already. What the message does not tell is
-- that of the noted column of the same name, as far as it is about reading rows; of not-null and defaults nothing is
-- known, nor of the number of the column.
create or replace function ampsync_private.relation_columns(
  p_columns jsonb, -- Of the message.
  p_noted   jsonb
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
           'name', c.col -> 'name',
           'attnum', null,
           'type', c.col -> 'type',
           'typmod', c.col -> 'typmod',
           'client_type', format_type(ampsync_private.client_type((c.col ->> 'type')::oid),
                                      (c.col ->> 'typmod')::integer),
           'not_null', false,
           'default', null,
           'key', coalesce((n.col ->> 'key')::boolean, false),
           'generated', n.col ->> 'generated',
           'expression', n.col ->> 'expression')
         order by c.n), '[]')
    from jsonb_array_elements(p_columns) with ordinality c(col, n)
    left join jsonb_array_elements(p_noted) n(col) on n.col ->> 'name' = c.col ->> 'name';
$$;

comment on function ampsync_private.relation_columns(jsonb, jsonb)
  is 'Columns as a Relation message tells them, for when the catalogue is ahead of it.';
