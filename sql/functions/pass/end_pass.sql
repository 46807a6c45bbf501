-- Ends one pass of a stream: releases the lease, records how the pass went, and queues the next
-- one. One call, one transaction: a stream never loses its job.
--
-- p_outcome:
--   yielded  others wait, or the worker stops: the next pass is due immediately
--   no_data  the table holds nothing yet: state `waiting`, retried after 2 … 30 s
--   ended    the server ended the stream, or it broke: state `retrying`, after 1 … 60 s
--   failed   no retry can help: state `failed`, no further pass; but see
--            ampsync_private.resync_instead. A pass that read a version which its stream no
--            longer follows, or went by a definition that has changed since, says nothing about the
--            next one: as yielded
--   rested, done   of an HTTP source: there is nothing to do until p_due, or at all; what becomes of it
--            is decided by what is stored: rest_source
--
-- p_error: {"code", "message", "detail", "hint"}, for all outcomes but `yielded`.
-- p_due: when to go on, if the caller knows it; null otherwise.
--
-- If the epoch is no longer current, or was released already, the call does nothing and still
-- succeeds, so a caller that got no answer calls again. p_epoch null speaks for a pass that got
-- no lease; then it does nothing if somebody holds one.
--
-- Locks: stream row, lease row, rows of graphile_worker. For a shadow after a deep reorg (SY102)
-- dataset row and the row of its stream before that, and its table after; 55P03 after 5 s each.
create or replace function ampsync_worker.end_pass(
  p_stream_id bigint,
  p_epoch     bigint,
  p_outcome   text,
  p_error     jsonb,
  p_due       timestamptz
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now      timestamptz := ampsync_private.now();
  v_stream   ampsync_private.stream;
  v_state    text;
  v_attempts integer;
  v_retry    timestamptz;
begin
  perform ampsync_private.commit_async();
  if p_error ->> 'code' = 'SY102' then -- A shadow starts over: a decision about its stream as well.
    perform set_config('lock_timeout', '5s', true);
    perform ampsync_private.lock_dataset(w.dataset_id)
       from ampsync_private.stream w
      where w.stream_id = p_stream_id
        and w.shadow_of is not null;
    perform 1
       from ampsync_private.stream s
      where s.stream_id = (select w.shadow_of from ampsync_private.stream w where w.stream_id = p_stream_id)
        for no key update;
  end if;
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     for no key update;

  update ampsync_private.lease l
     set holder = null, lease_until = null, rows_per_s = null, waits_for = null, waits_hint = null
   where l.stream_id = p_stream_id
     and case when p_epoch is null then l.lease_until is null or l.lease_until <= v_now
              else l.epoch = p_epoch and l.holder is not null end; -- Already released: the same call again.
  if not found or ampsync_private.is_halted(v_stream.state) then
    return;
  end if;

  if p_outcome = 'yielded'
     or p_epoch is null and p_error ->> 'code' = 'SY201' and v_stream.target is null
     or p_outcome = 'failed'
        and p_epoch is not null
        and exists (select 1
                      from ampsync_private.lease l
                      join ampsync_private.dataset d on d.dataset_id = v_stream.dataset_id
                     where l.stream_id = p_stream_id
                       and ((l.version, l.manifest_hash)
                              is distinct from (v_stream.version, v_stream.manifest_hash)
                            or d.changed_at > l.acquired_at)) then
    perform ampsync_private.schedule_stream(p_stream_id);
    return;
  end if;
  if p_outcome in ('rested', 'done') then
    perform ampsync_private.rest_source(v_stream, p_error, p_due);
    return;
  end if;

  if p_error ->> 'code' = 'SY102' then
    if ampsync_private.resync_instead(p_stream_id, p_error) then
      return;
    end if;
    p_error := p_error || jsonb_build_object('hint', format('select ampsync.resync(%L, %L);',
      ampsync_private.stream_label(p_stream_id), v_stream.table_name));
  elsif p_error ->> 'code' = 'SY203' then
    p_error := p_error || jsonb_build_object('hint', (
      select format('select ampsync.%3$s(%1$L, value_policy => %2$L); select ampsync.resume_sync(%1$L);',
                    d.label,
                    case d.value_policy when 'quarantine' then 'null' else 'quarantine' end, -- Too many to quarantine.
                    case d.kind when 'http' then 'enqueue_http' else 'enqueue_sync' end)
        from ampsync_private.dataset d where d.dataset_id = v_stream.dataset_id));
  else
    p_error := ampsync_private.add_hint(p_stream_id, p_error);
  end if;

  v_state := case p_outcome when 'no_data' then 'waiting' when 'ended' then 'retrying' else 'failed' end;
  v_attempts := v_stream.attempts + 1;
  v_retry := case p_outcome
    when 'no_data' then v_now + ampsync_private.retry_delay(v_attempts, '{2,4,8,16,30}')
    when 'ended'   then coalesce(p_due, v_now + ampsync_private.retry_delay(v_attempts,
                          case when p_error ->> 'code' in ('SY305', 'SY306') then '{60}' -- Settings of workers.
                               else '{1,2,4,8,16,30,60}'::integer[] end))
  end;

  update ampsync_private.stream s
     set state      = v_state,
         since      = case when s.state = v_state
                                or s.state = 'reorg_pending' and v_state = 'retrying' and s.attempts > 0
                           then s.since else v_now end, -- A replacement that never commits ends no series of failures.
         attempts   = v_attempts,
         deaths     = case p_outcome when 'ended' then s.deaths else 0 end,
         next_retry = v_retry,
         error      = p_error
   where s.stream_id = p_stream_id;

  -- A waiting or retrying stream is journaled at its first attempt and at every fifth after it; the fifth failure
  -- in a row as one that somebody should look at. Retries continue.
  if p_outcome = 'ended' and v_attempts = 5 then
    perform ampsync_private.journal(p_stream_id, 'max_retries_reached',
                                    coalesce(p_error, '{}') || jsonb_build_object('next_retry', v_retry));
  elsif v_retry is null or v_attempts % 5 = 1 then
    perform ampsync_private.journal(p_stream_id,
      case p_outcome when 'no_data' then 'waiting_for_data' when 'ended' then 'stream_error' else 'stream_failed' end,
      coalesce(p_error, '{}') || jsonb_build_object('attempts', v_attempts, 'next_retry', v_retry));
  end if;

  if v_retry is not null then
    perform ampsync_private.schedule_stream(p_stream_id, v_retry);
  end if;
end;
$$;

comment on function ampsync_worker.end_pass(bigint, bigint, text, jsonb, timestamptz)
  is 'End a pass: release the lease, record how it went, queue the next pass.';

-- As workers of the release before call it, which know no p_due: it is dropped with the next one.
create or replace function ampsync_worker.end_pass(
  p_stream_id bigint,
  p_epoch     bigint,
  p_outcome   text,
  p_error     jsonb default null
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select ampsync_worker.end_pass(p_stream_id, p_epoch, p_outcome, p_error, null);
$$;

comment on function ampsync_worker.end_pass(bigint, bigint, text, jsonb)
  is 'End a pass, as workers of the release before call it.';
