-- The look of the supervisor at change capture: queues jobs that are missing, ends the reader of a
-- dead worker, keeps the limit of WAL, sends a beat, and stores the state with its reason. What locks
-- tables of users or makes a slot is left to the job ampsync_publication: everything else waits for the
-- supervisor.
--
-- A beat is a message in WAL that the pass has to meet: one that is out for 5 s says that capture is late even
-- where nobody writes. It waits for the disk of this server alone, so that it is never later than its
-- own commit. It has a random token, because any role can write messages into WAL.
--
-- Returns the state if it is another one than before, as does one that has stalled or goes on; else null. Called after
-- each run of supervise, in a transaction of its own. Idempotent.
--
-- Locks: the row of capture, 300 ms at most (else the next run does it); rows of graphile_worker. Not the log lock:
-- the epoch of a server that was started is begun by activate_targets, which the supervisor calls before.
create or replace function ampsync_worker.supervise_capture()
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_now     timestamptz := ampsync_private.now();
  v_was     ampsync_private.capture;
  v_capture ampsync_private.capture;
  v_is_used boolean := ampsync_private.is_capturing();
  v_fault   text;
  v_event   text;
  v_report  record;
begin
  perform set_config('synchronous_commit', 'local', true);
  if v_is_used or exists (select from ampsync_private.sources_to_publish()) then
    perform ampsync_private.ensure_capture();
  end if;
  select c.* into v_was from ampsync_private.capture c for no key update;
  if v_was.slot is null then
    return null;
  end if;

  perform ampsync_private.end_dead_reader(v_was);
  if v_was.phase is null and v_was.slot_created_lsn is not null then
    perform ampsync_private.keep_wal_limit(v_was);
  end if;
  select c.* into v_capture from ampsync_private.capture c;
  v_fault := ampsync_private.slot_fault();
  perform ampsync_private.queue_capture_jobs(v_capture, v_is_used, v_fault);
  if v_is_used and v_fault is null then
    if coalesce(v_capture.beat_sent_at <= v_capture.beat_seen_at, v_capture.beat_sent_at is null) then
      v_capture.beat_sent_at := v_now;
      v_capture.beat_token := gen_random_uuid();
      perform pg_logical_emit_message(false, 'ampsync/beat', v_capture.beat_token);
    elsif v_capture.beat_sent_at < v_now - interval '10 s' then -- Perhaps a pass died with it in its hands.
      perform pg_logical_emit_message(false, 'ampsync/beat', coalesce(v_capture.beat_token, ''));
    end if;
  end if;

  select r.* into v_report from ampsync_private.capture_report(v_capture, v_is_used, v_fault) r;
  update ampsync_private.capture c
     set state        = v_report.state,
         reason       = v_report.reason,
         hint         = v_report.hint,
         held_by      = (select case when b.is_foreign then o.transaction else 'capture is behind' end
                           from ampsync_private.wal_budget(v_capture) b
                           left join ampsync_private.oldest_transaction() o on true
                          where b.retained > 16777216),
         since        = case when c.state = v_report.state then c.since else v_now end,
         unused_since = case when not v_is_used and (c.slot_created_lsn is not null or c.phase is not null)
                             then coalesce(c.unused_since, v_now) end,
         beat_sent_at = v_capture.beat_sent_at,
         beat_token   = v_capture.beat_token,
         sampled_at   = v_now,
         sampled_tx   = c.stored_tx,
         sampled_lsn  = pg_current_wal_insert_lsn(),
         tx_per_s     = (c.stored_tx - c.sampled_tx) / greatest(extract(epoch from v_now - c.sampled_at), 0.001),
         wal_per_s    = pg_wal_lsn_diff(pg_current_wal_insert_lsn(), c.sampled_lsn)
                        / greatest(extract(epoch from v_now - c.sampled_at), 0.001);

  v_event := case
    when v_report.state = v_was.state
     and starts_with(coalesce(v_report.reason, ''), 'stalled') = starts_with(coalesce(v_was.reason, ''), 'stalled')
    then null
    when starts_with(v_report.reason, 'stalled') then 'capture_stalled'
    when v_report.state = 'ok' and v_was.state in ('behind', 'failed') then 'capture_resumed'
    when v_report.state = 'ok' then 'capture_started'
    when v_report.state = 'behind' then 'capture_behind'
    when v_report.state = 'failed' then 'capture_failed'
    when v_report.state = 'starting' then 'capture_starting'
    else 'capture_off'
  end;
  if v_event is null then
    return null;
  end if;
  perform ampsync_private.journal(null, v_event,
            jsonb_strip_nulls(jsonb_build_object(
              'was',    v_was.state,
              'reason', case when v_report.state <> 'ok' then v_report.reason end))); -- In ok it is a danger.
  return case v_event when 'capture_stalled' then 'stalled' else v_report.state end;
exception
  when lock_not_available then
    return null; -- A commit of the pass, or somebody who configures it.
end;
$$;

comment on function ampsync_worker.supervise_capture()
  is 'Look after change capture: missing jobs, dead readers, the limit of WAL, its state; returns a new state.';
