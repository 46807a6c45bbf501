-- The block that an `_id` starts with: the inverse of block_prefix.
create or replace function ampsync_private.block_of(
  p_id bytea
)
  returns bigint
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select ('x' || encode(substr(p_id, 1, 6), 'hex'))::bit(48)::bigint;
$$;

comment on function ampsync_private.block_of(bytea)
  is 'The block that an _id starts with.';
