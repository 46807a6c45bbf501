-- The keys of the instances of a shape that a client has by its claims and wishes (shape_keys). The error of
-- shape_error where it gives no rows.
create or replace function ampsync_private.instance_keys(
  p_shape_id integer,
  p_claims   jsonb,
  p_params   jsonb
)
  returns text[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_found record := ampsync_private.readable_shape(p_shape_id);
begin
  return ampsync_private.shape_keys(v_found.shape, v_found.columns, p_claims, p_params);
end;
$$;

comment on function ampsync_private.instance_keys(integer, jsonb, jsonb)
  is 'The keys of the instances of a shape that a client has by its claims and wishes.';
