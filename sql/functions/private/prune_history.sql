-- Drops history entries that no reorg within retention can need. Always kept:
-- the newest 16, and all that end within `retention_blocks` before the start of
-- the newest.
--
-- Locks: history rows of the stream.
create or replace function ampsync_private.prune_history(
  p_stream_id bigint,
  p_tip_start bigint
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
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
                         offset 15 limit 1);
$$;

comment on function ampsync_private.prune_history(bigint, bigint)
  is 'Drop a stream''s history entries beyond retention.';
