-- Of a damaged range of blocks the part that can be fetched again; null if none can, so that only a
-- resync helps: if the table is gone, if its rows cannot be requested by block, if the rows lie
-- outside of what is loaded, or if a reorg may still replace the blocks and no hash could prove that
-- the server is on our chain.
--
-- The same conditions as those of ampsync.repair, which says which of them is not met.
create or replace function ampsync_private.repairable(
  p_stream_id   bigint,
  p_finding     text,
  p_first_block bigint,
  p_last_block  bigint
)
  returns int8range
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select int8range(b.first_block, b.last_block, '[]')
    from ampsync_private.stream s
   cross join lateral (
      select greatest(p_first_block, s.origin, s.from_block) as first_block,
             least(p_last_block, s.checkpoint_block) as last_block
    ) b
   where s.stream_id = p_stream_id
     and p_finding not in ('table gone', 'rows outside')
     and s.query is null
     and s.has_block_num
     and b.first_block <= b.last_block
     and (ampsync_private.hash_column(s.stream_id) is not null
          or b.last_block < (select min(h.first_block)
                               from ampsync_private.history h
                              where h.stream_id = s.stream_id));
$$;

comment on function ampsync_private.repairable(bigint, text, bigint, bigint)
  is 'The part of a damaged range of blocks that can be fetched again; null if only a resync helps.';
