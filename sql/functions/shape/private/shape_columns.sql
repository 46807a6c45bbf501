-- The columns that clients of a shape have, as published_columns gives them, generated ones too: all of the table, or
-- those that the shape names.
create or replace function ampsync_private.shape_columns(
  p_shape   ampsync_private.shape,
  p_columns jsonb
)
  returns table (n bigint, name text, type oid, client_type text, is_key boolean, generated text, col jsonb)
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
    select c.n, c.col ->> 'name', (c.col ->> 'type')::oid, c.col ->> 'client_type', (c.col ->> 'key')::boolean,
           c.col ->> 'generated', c.col
      from jsonb_array_elements(p_columns) with ordinality c(col, n)
     where p_shape.columns is null
        or c.col ->> 'name' = any (p_shape.columns);
end;
$$;

comment on function ampsync_private.shape_columns(ampsync_private.shape, jsonb)
  is 'The columns that clients of a shape have.';
