-- Records why a poll failed, and queues the next one: later with each failure in a row (see
-- poll_pause), and no sooner than the server asks for, up to 300 s. Streams are not concerned.
--
-- p_error: {"code", "message", "detail", "hint"}
-- p_interval: the worker's
-- p_retry_after_s: how long the server asks to be left alone
--
-- Locks: dataset row.
create or replace function ampsync_worker.defer_poll(
  p_dataset_id    bigint,
  p_error         jsonb,
  p_interval      interval,
  p_retry_after_s double precision default null
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_attempts integer;
  v_due      timestamptz;
begin
  update ampsync_private.dataset d
     set poll_attempts = d.poll_attempts + 1,
         poll_due      = ampsync_private.now() + greatest(
                           ampsync_private.poll_pause(d, p_interval, d.poll_attempts + 1),
                           make_interval(secs => least(coalesce(p_retry_after_s, 0), 300))),
         poll_error    = p_error
   where d.dataset_id = p_dataset_id
     and ampsync_private.is_polled(d)
  returning d.poll_attempts, d.poll_due into v_attempts, v_due;
  if not found then -- Dropped or paused meanwhile.
    return;
  end if;

  perform ampsync_private.schedule_poll(p_dataset_id, v_due);
  if v_attempts = 1 or v_attempts % 5 = 0 then
    perform ampsync_private.journal(null, 'version_poll_failed', p_error || jsonb_build_object(
              'attempts', v_attempts, 'next_retry', v_due), p_dataset_id);
  end if;
end;
$$;

comment on function ampsync_worker.defer_poll(bigint, jsonb, interval, double precision)
  is 'Record why a poll failed, and queue the next one.';
