-- The hash of what decides which rows a shape has: another one, and its clients load it anew.
create or replace function ampsync_private.shape_definition(
  p_shape ampsync_private.shape
)
  returns text
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select md5(jsonb_build_array(p_shape.published_id, p_shape.columns, p_shape.bind, p_shape.filter, p_shape.keep_blocks,
                               p_shape.public, p_shape.unindexed, p_shape.rls, p_shape.renewed)::text);
$$;

comment on function ampsync_private.shape_definition(ampsync_private.shape)
  is 'The hash of what decides which rows a shape has.';
