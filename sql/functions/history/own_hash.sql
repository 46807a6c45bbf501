-- The hash that a stream itself holds for one block, as `0x…`; null if it holds none. Asked
-- before a reorg that starts inside a stored microbatch.
create or replace function ampsync_worker.own_hash(
  p_stream_id bigint,
  p_block     bigint
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select '0x' || encode(ampsync_private.own_hash(p_stream_id, p_block), 'hex');
$$;

comment on function ampsync_worker.own_hash(bigint, bigint)
  is 'The hash of a block in this stream''s own history or rows.';
