-- The state of capture, with the reason and what to do about it, in words for somebody who is woken
-- by it.
--
-- off       nothing is published in mode rows
-- starting  the slot is being made, or no pass has begun to read it
-- ok        what is committed comes into the log; a reason, if there is one, is a danger to be removed
-- behind    it comes late, or does not come: a reason that begins with `stalled` says that nothing moves
-- failed    it does not come until somebody does something
--
-- p_fault: as slot_fault says
create or replace function ampsync_private.capture_report(
  p_capture ampsync_private.capture,
  p_is_used boolean,
  p_fault   text,
  out state text,
  out reason text,
  out hint text
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := ampsync_private.now();
  v_oldest record;
  v_budget record;
  v_foreign record;
  v_out    interval; -- How long a beat has been out.
  v_moved  timestamptz := greatest(p_capture.received_at, p_capture.stored_at, p_capture.acquired_at);
  v_pause  interval := ampsync_private.look_pause(p_capture.look_ms);
  v_limit  interval := interval '5 s'
                       + case when ampsync_worker.capture_transport() = 'poll'
                              then 2 * greatest(p_capture.poll_interval, v_pause) else interval '0' end;
begin
  if not p_is_used then
    state := 'off';
    return;
  end if;
  if p_capture.error is not null and (p_capture.error ->> 'code' in ('SY403', 'SY404') or p_capture.attempts >= 5) then
    state := 'failed';
    reason := concat_ws(': ', p_capture.error ->> 'message', p_capture.error ->> 'detail');
    hint := coalesce(p_capture.error ->> 'hint', 'select * from ampsync.capture; -- It is tried again by itself.');
    return;
  end if;

  select o.* into v_oldest from ampsync_private.oldest_transaction() o;
  if p_fault is not null then
    state := 'starting';
    reason := case when p_capture.slot_created_lsn is null then 'the slot is being made'
                   else 'the slot is being made anew'
                        || coalesce(': ' || ampsync_private.gap_text(p_capture.gap_reason), '') end;
    select h.* into v_foreign from ampsync_private.foreign_holder() h;
    if found then
      reason := reason || ', which waits: ' || v_foreign.reason;
      hint := v_foreign.hint;
    elsif v_oldest.since < v_now - interval '5 s' then
      reason := reason || ', which waits: ' || v_oldest.transaction;
      hint := v_oldest.ends;
    end if;
    return;
  end if;

  select b.* into v_budget from ampsync_private.wal_budget(p_capture) b;
  v_out := case when p_capture.beat_sent_at > coalesce(p_capture.beat_seen_at, '-infinity')
                then v_now - p_capture.beat_sent_at end;
  state := 'behind';
  if v_budget.share >= 0.6 then
    reason := format('%s of WAL are kept, %s %% of the limit%s: %s',
      pg_size_pretty(v_budget.retained), round(100 * v_budget.share),
      coalesce(', which is reached in ' || date_trunc('second', v_budget.to_limit), ''),
      case when v_budget.is_foreign
           then coalesce(v_oldest.transaction, 'a transaction that was open until a moment ago')
           else 'capture is behind' end);
    hint := case when v_budget.is_foreign then v_oldest.ends
                 else format('select ampsync.configure_capture(wal_limit => %L); -- Or start a worker.',
                             2 * p_capture.wal_limit / 1048576 || 'MB') end;
  elsif p_capture.acquired_at is null or v_out >= v_limit and not ampsync_private.capture_runs() then
    state := case when p_capture.acquired_at is null then 'starting' else state end;
    reason := 'no worker reads the slot';
    hint := coalesce(p_capture.error ->> 'hint', 'select * from ampsync.jobs; -- Its job waits for a worker.');
    if p_capture.error is not null then
      reason := reason || ': ' || (p_capture.error ->> 'message');
    end if;
  elsif v_out >= v_limit and v_moved < v_now - v_limit then
    reason := format('stalled: changes wait, and nothing was received or stored since %s',
                     date_trunc('second', v_moved));
    hint := 'select * from pg_stat_replication where application_name like ''ampsync_capture%''; '
            '-- It is ended when its worker is not heard for 30 s.';
  elsif v_out >= v_limit then
    reason := format('what was committed %s ago is not in the log yet', date_trunc('second', v_out));
    hint := 'select * from ampsync.capture; -- It catches up by itself where bytes_behind falls.';
  elsif ampsync_worker.capture_transport() = 'poll' and v_pause > greatest(interval '1 s', p_capture.poll_interval) then
    reason := format('a look at WAL takes %s ms, so the next one comes after %s ms%s', p_capture.look_ms,
                     4 * p_capture.look_ms::bigint,
                     coalesce(': ' || v_oldest.transaction || ', and each look begins before it', ''));
    hint := coalesce(v_oldest.ends,
                     'select * from ampsync.capture; -- It catches up by itself where bytes_behind falls.');
  else
    state := 'ok';
    select r.reason, r.hint into reason, hint from ampsync_private.capture_dangers(p_capture) r;
  end if;
  select h.* into v_foreign from ampsync_private.foreign_holder() h;
  if found then
    reason := concat_ws('; ', case when starts_with(reason, 'stalled') then reason end, v_foreign.reason);
    hint := v_foreign.hint;
  end if;
end;
$$;

comment on function ampsync_private.capture_report(ampsync_private.capture, boolean, text)
  is 'The state of capture, with the reason and what to do about it.';
