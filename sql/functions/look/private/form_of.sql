-- What a Relation message tells of columns, of a message or of columns as noted: [[name, type, typmod], …].
create or replace function ampsync_private.form_of(
  p_columns jsonb
)
  returns jsonb
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(jsonb_build_array(c.col ->> 'name', c.col ->> 'type', (c.col ->> 'typmod')::integer)
                            order by c.n), '[]')
    from jsonb_array_elements(p_columns) with ordinality c(col, n);
$$;

comment on function ampsync_private.form_of(jsonb)
  is 'Names, types and type modifiers of columns, as a Relation message has them.';
