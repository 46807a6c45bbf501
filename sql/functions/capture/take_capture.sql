-- Takes capture over, after reading of the slot has begun, so that no other pass lives: a new generation, with
-- which all that the pass stores is marked. Returns {"generation": "7", "commit_lsn": of the newest stored
-- transaction, or null, "mode": as capture_transport, "skip_lsn": a transaction that is to be stored as empty, or
-- null}: what a pass was told before may be as old as you like.
--
-- Rows that a pass before stored ahead of a transaction that it did not finish belong to nothing: they become
-- leftover, which the job `ampsync_rotate` removes.
--
-- Durable: what this generation stores must not be found under the one before. Generations leave gaps at random: a
-- server that was set back shall not give one out that a pass of the other life, which may still call, has already.
--
-- Locks: the row of capture; the log lock, where the server is not what it was (check_epoch).
create or replace function ampsync_worker.take_capture(
  p_worker text
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_capture ampsync_private.capture;
begin
  perform ampsync_private.commit_durably();
  update ampsync_private.capture c
     set generation   = c.generation + 1 + (random() * 1000000000)::bigint,
         worker_id    = p_worker,
         acquired_at  = ampsync_private.now(),
         leftover     = case when c.large_tx is null then c.leftover else c.leftover || c.large_tx end,
         large_tx     = null,
         large_notes  = null,
         look_ms      = null,
         tables_stamp = null
  returning * into v_capture;
  if not found then
    call ampsync_private.raise_capture_lost(0);
  end if;
  if v_capture.leftover <> '{}' then
    perform ampsync_private.schedule_rotation();
  end if;
  perform ampsync_private.add_change_partitions(l.tx_id, l.tx_id + 2000000) -- Two ahead.
     from coalesce(pg_sequence_last_value('ampsync_private.tx_id'), 1) l(tx_id);
  perform ampsync_private.check_epoch();
  return jsonb_build_object(
    'generation', v_capture.generation::text,
    'commit_lsn', v_capture.commit_lsn,
    'mode',       ampsync_worker.capture_transport(),
    'skip_lsn',   v_capture.skip_lsn);
end;
$$;

comment on function ampsync_worker.take_capture(text)
  is 'Take capture over: a new generation, which keeps late statements of the one before out.';
