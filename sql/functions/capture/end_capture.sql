-- Ends a pass of capture, and queues the next one. Returns nothing; the same call again does no harm.
--
-- p_generation  of take_capture; null: the pass did not come so far
-- p_report      {"outcome", "error": {"code","message","detail","hint","lsn": commit of the transaction it
--               stands at, if any}}:
--   rested     its time is over, or the worker stops: the next one is due immediately
--   failed     an error: it is shown, and the next pass is due after 0.25 s, doubled with each failure in a row
--              up to 30 s, and of that any part (full jitter), so that servers which come back are not met by
--              all at once; what the server does not allow (SY403) is tried each minute
--   replaced   another generation works: nothing is left to do. If none does, an answer was lost: as rested
--   slot_busy  somebody else reads the slot: looked at again, unless that is a pass which lives
--
-- Nothing is skipped by itself, whatever the error is: see skip_transaction.
--
-- Locks: the row of capture, rows of graphile_worker.
create or replace function ampsync_worker.end_capture(
  p_worker     text,
  p_generation bigint,
  p_report     jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_outcome  text := p_report ->> 'outcome';
  v_now      timestamptz := ampsync_private.now();
  v_capture  ampsync_private.capture;
  v_is_known boolean;
  v_pause    double precision;
begin
  perform ampsync_private.commit_async();
  select * into v_capture
    from ampsync_private.capture c
     for no key update;
  if not found or p_generation <> v_capture.generation or v_outcome = 'replaced' and p_generation is null then
    return;
  end if;

  v_is_known := v_capture.error ->> 'code' is not distinct from p_report #>> '{error,code}';
  v_pause := case when p_report #>> '{error,code}' = 'SY403' then 60 * (0.8 + 0.4 * random())
                  else least(30, 0.25 * 2 ^ least(v_capture.attempts, 10)) * random() end;
  if v_outcome = 'failed' then
    update ampsync_private.capture c
       set worker_id  = case when p_generation is null then c.worker_id end,
           attempts   = c.attempts + 1,
           next_retry = v_now + make_interval(secs => v_pause),
           error      = p_report -> 'error'
     where c.only_one;
    if not v_is_known or v_capture.attempts = 0 then
      perform ampsync_private.journal(null, 'capture_error', coalesce(p_report -> 'error', '{}'));
    end if;
    perform ampsync_private.schedule_capture(v_now + make_interval(secs => v_pause));
  elsif v_outcome = 'slot_busy' then
    if not ampsync_private.capture_runs() and not ampsync_private.job_waits('ampsync_capture', null) then
      perform ampsync_private.schedule_capture(v_now + make_interval(secs => 0.25 + random()));
    end if;
  else
    if p_generation is not null then
      update ampsync_private.capture c
         set worker_id = null
       where c.only_one;
    end if;
    perform ampsync_private.schedule_capture();
  end if;
end;
$$;

comment on function ampsync_worker.end_capture(text, bigint, jsonb)
  is 'End a pass of capture: how it went, and when the next one is due.';
