-- Whether the claims of a token give an instance of a shape; parameters, which a client may choose, are those of the
-- instance. The columns are those that the log has noted: what an instance was named by when its rows were read.
create or replace function ampsync_private.gives_instance(
  p_shape  ampsync_private.shape,
  p_table  ampsync_private.published,
  p_key    text,
  p_claims jsonb
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_params jsonb;
begin
  select coalesce(jsonb_object_agg(substr(p_shape.bind ->> b.name, 7), p_key::jsonb -> (b.n::integer - 1)), '{}')
    into v_params
    from unnest(ampsync_private.bound_columns(p_shape.bind)) with ordinality b(name, n)
   where starts_with(p_shape.bind ->> b.name, 'param:');
  return p_key = any (ampsync_private.shape_keys(p_shape, p_table.columns, p_claims, v_params));
exception
  when sqlstate 'SY413' or sqlstate 'SY416' then
    return false;
end;
$$;

comment on function ampsync_private.gives_instance(ampsync_private.shape, ampsync_private.published, text, jsonb)
  is 'Whether the claims of a token give an instance of a shape.';
