-- Shows that the server replaced blocks and that their replacement has not arrived yet; rows
-- stay as they were. A stream that was retried is so since then: no commit has ended that, and
-- ampsync.readiness counts from there. No effect without the lease. Idempotent. Locks: stream row.
create or replace function ampsync_worker.mark_reorg_pending(
  p_stream_id  bigint,
  p_epoch      bigint,
  p_from_block bigint
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select ampsync_private.commit_async();

  with changed as (
    update ampsync_private.stream s
       set state = 'reorg_pending',
           since = case when s.state = 'retrying' then s.since else ampsync_private.now() end
      from ampsync_private.lease l
     where s.stream_id = p_stream_id
       and l.stream_id = p_stream_id
       and l.epoch = p_epoch
       and s.state in ('backfill', 'live', 'retrying')
    returning s.checkpoint_block
  )
  select ampsync_private.journal(p_stream_id, 'reorg_pending',
           jsonb_build_object('from_block', p_from_block, 'tip', c.checkpoint_block))
    from changed c;
$$;

comment on function ampsync_worker.mark_reorg_pending(bigint, bigint, bigint)
  is 'Show that a reorg was seen and its replacement is awaited.';
