-- Counts the rows of a target in ranges of blocks, and the xor of the last 8 bytes of their
-- `_id`: what the ledger must say about them. One row per range. Under identity `transaction`
-- nothing in a row depends on its values: then the xor is 0.
--
-- Reads only the index of block_key, range by range, so the memory it takes does not grow with the
-- table. Without `_block_num` a row belongs to the last block of its microbatch, so no range
-- may split one.
create or replace function ampsync_private.measure_rows(
  p_target       regclass,
  p_identity     text,
  p_first_blocks bigint[],
  p_last_blocks  bigint[]
)
  returns table (first_block bigint, last_block bigint, row_count bigint, id_xor bigint)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
begin
  return query execute format(
    'select r.first_block, r.last_block, m.row_count, m.id_xor
       from unnest($1, $2) r(first_block, last_block)
      cross join lateral (
        select count(*) as row_count,
               %s as id_xor
          from %s t
         where %s) m',
    case p_identity
      when 'content' then 'coalesce(bit_xor((''x'' || encode(substr(t._id, 9), ''hex''))::bit(64)::bigint), 0)'
      else '0::bigint' end,
    p_target, ampsync_private.in_blocks(p_identity, 'r.first_block', 'r.last_block + 1'))
    using p_first_blocks, p_last_blocks;
end;
$$;

comment on function ampsync_private.measure_rows(regclass, text, bigint[], bigint[])
  is 'Rows of a target in ranges of blocks, and the xor of the last 8 bytes of their _id.';
