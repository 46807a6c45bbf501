-- Drops history entries that no reorg within retention can need. Always kept: the newest 16,
-- and all that end within `retention_blocks` before the start of the newest.
--
-- The ledger stays, but is compacted below the remaining history: only there, because no
-- removal reaches that far back, and about every 64 blocks, so that a stream at the head does
-- not pay for it with each commit.
--
-- Locks: history rows of the stream, then ledger rows.
create or replace function ampsync_private.prune_history(
  p_stream_id bigint,
  p_tip_start bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_first bigint;
  v_last  bigint;
begin
  with pruned as (
    delete from ampsync_private.history h
     where h.stream_id = p_stream_id
       and h.last_block < p_tip_start - (select d.retention_blocks
                                           from ampsync_private.stream s
                                           join ampsync_private.dataset d using (dataset_id)
                                          where s.stream_id = p_stream_id)
       and h.last_block < (select n.last_block
                             from ampsync_private.history n
                            where n.stream_id = p_stream_id
                            order by n.last_block desc
                           offset 15 limit 1)
    returning h.first_block, h.last_block
  )
  select min(p.first_block), max(p.last_block) into v_first, v_last
    from pruned p;

  if v_first / 64 <> (v_last + 1) / 64 then
    perform ampsync_private.compact_ledger(p_stream_id, v_first - 64, v_last);
  end if;
end;
$$;

comment on function ampsync_private.prune_history(bigint, bigint)
  is 'Drop a stream''s history entries beyond retention.';
