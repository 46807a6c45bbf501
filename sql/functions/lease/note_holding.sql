-- Records whether a pass holds data of its stream that is not committed: if its worker dies
-- now, that data may be why. Heartbeats report the same every 5 s; a pass that follows an
-- abandoned one reports it before it looks at the data. Commits without waiting for a standby.
-- No effect without the lease. Idempotent.
--
-- Locks: lease row, during this statement.
create or replace function ampsync_worker.note_holding(
  p_stream_id bigint,
  p_epoch     bigint,
  p_holds     boolean
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select ampsync_private.commit_async();

  update ampsync_private.lease l
     set holds = p_holds
   where l.stream_id = p_stream_id
     and l.epoch = p_epoch
     and l.holder is not null;
$$;

comment on function ampsync_worker.note_holding(bigint, bigint, boolean)
  is 'Record whether a pass holds data of its stream that is not committed.';
