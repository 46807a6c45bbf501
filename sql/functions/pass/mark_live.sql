-- Marks a stream as live: it has reached the head (src/stream/liveness.ts). For a shadow the
-- swap may now be due; for any other its indexes are. No effect without the lease. Idempotent.
-- Locks: stream row, then rows of target_index.
create or replace function ampsync_worker.mark_live(
  p_stream_id bigint,
  p_epoch     bigint
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
       set state = 'live', since = ampsync_private.now(), attempts = 0, deaths = 0, next_retry = null,
           error = null, load_started = null, load_from = null,
           reached_head_at = coalesce(s.reached_head_at, ampsync_private.now())
      from ampsync_private.lease l
     where s.stream_id = p_stream_id
       and l.stream_id = p_stream_id
       and l.epoch = p_epoch
       and s.checkpoint_block is not null
       and s.state in ('waiting', 'backfill', 'retrying')
    returning s.checkpoint_block
  )
  select ampsync_private.journal(p_stream_id, 'live', jsonb_build_object('block', c.checkpoint_block))
    from changed c;

  select ampsync_private.join_cut(p_stream_id);
  select ampsync_private.wake_swap(p_stream_id);

  select ampsync_private.plan_indexes(s.stream_id, false)
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     and s.state = 'live';
$$;

comment on function ampsync_worker.mark_live(bigint, bigint)
  is 'Mark a stream that reached the head as live.';
