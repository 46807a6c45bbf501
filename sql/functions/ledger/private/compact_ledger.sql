-- Merges the ledger entries of a stream that lie within the same thousand blocks, from the
-- thousand of p_from_block on, as far as they end at or below p_to_block. Counts and xors add
-- up, so nothing is measured again. An entry that crosses a thousand stays as it is.
--
-- Idempotent. Locks: ledger rows of the stream.
create or replace function ampsync_private.compact_ledger(
  p_stream_id  bigint,
  p_from_block bigint,
  p_to_block   bigint
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with loose as (
    delete from ampsync_private.ledger l
     where l.stream_id = p_stream_id
       and l.last_block between p_from_block / 1000 * 1000 and p_to_block
       and l.first_block / 1000 = l.last_block / 1000
    returning l.first_block, l.last_block, l.row_count, l.id_xor
  )
  insert into ampsync_private.ledger (stream_id, first_block, last_block, row_count, id_xor)
  select p_stream_id, min(l.first_block), max(l.last_block), sum(l.row_count), bit_xor(l.id_xor)
    from loose l
   group by l.first_block / 1000;
$$;

comment on function ampsync_private.compact_ledger(bigint, bigint, bigint)
  is 'Merge old ledger entries into one per thousand blocks.';
