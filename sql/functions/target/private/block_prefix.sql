-- The first six bytes of an `_id`: the block number, big-endian. Rows of block N and above are
-- those with `_id >= block_prefix(N)`. Blocks stay below 2^48 - 1, so that the block after the
-- last one has a prefix too (history_range_check).
create or replace function ampsync_private.block_prefix(
  p_block bigint
)
  returns bytea
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return substring(int8send(p_block) from 3 for 6);
end;
$$;

comment on function ampsync_private.block_prefix(bigint)
  is 'The six bytes that every _id of a block starts with.';
