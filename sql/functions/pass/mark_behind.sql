-- Marks a live stream as loading again: for 10 s it was neither close to the head nor had it
-- committed a new head in time. No effect without the lease. Idempotent. Locks: stream row.
create or replace function ampsync_worker.mark_behind(
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
       set state = 'backfill', since = ampsync_private.now(), load_started = ampsync_private.now(),
           load_from = s.checkpoint_block
      from ampsync_private.lease l
     where s.stream_id = p_stream_id
       and l.stream_id = p_stream_id
       and l.epoch = p_epoch
       and s.state = 'live'
    returning s.checkpoint_block
  )
  select ampsync_private.journal(p_stream_id, 'behind', jsonb_build_object('block', c.checkpoint_block))
    from changed c;
$$;

comment on function ampsync_worker.mark_behind(bigint, bigint)
  is 'Mark a live stream that fell behind the head as loading again.';
