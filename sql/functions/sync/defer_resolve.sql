-- Records why a dataset could not be resolved. State `waiting` is retried after 2, 4, 8, 16,
-- 30, 30 … seconds, without end; `failed` waits for ampsync.resume_sync. Returns the name of the
-- event, for the log; the journal has the first two and every fifth:
--
-- dataset_not_found_waiting_for_publish   the first time that the dataset is not there
-- still_waiting_for_dataset               every fifth time
-- waiting_for_dataset                     any other time
-- dataset_failed                          no retry can help; null if the dataset was dropped
--
-- p_error: {"code", "message", "detail", "hint"}. Stored with it is what ampsync.readiness goes by:
-- `failing_since`, since when attempts have failed in another way than that the dataset is not there
-- (SY103), and `absent_since`, since when each has found just that. After 60 s of that the failures
-- before are forgotten; a server that says both by turns goes on failing.
--
-- p_retry_after_s: how long the server asks to be left alone; obeyed up to 300 s.
--
-- Locks: dataset row.
create or replace function ampsync_worker.defer_resolve(
  p_dataset_id    bigint,
  p_state         text,
  p_error         jsonb,
  p_retry_after_s double precision default null
)
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_attempts integer;
  v_retry    timestamptz;
  v_unknown  boolean;
  v_absent   boolean := coalesce(p_error ->> 'code' = 'SY103', false);
  v_event    text;
begin
  update ampsync_private.dataset d
     set state      = p_state,
         since      = case when d.state <> p_state then ampsync_private.now() else d.since end,
         attempts   = d.attempts + 1,
         next_retry = case when p_state = 'waiting' then ampsync_private.now() + greatest(
                        ampsync_private.retry_delay(d.attempts + 1, '{2,4,8,16,30}'),
                        make_interval(secs => least(coalesce(p_retry_after_s, 0), 300))) end,
         error      = p_error || jsonb_build_object('hint', case
           when p_error ->> 'hint' like '%select %' then p_error ->> 'hint'
           when p_state = 'waiting' -- The command comes last: it is what ends the wait.
             then concat_ws(' ', p_error ->> 'hint', format(
                    'Retried automatically; at once by: select * from ampsync.resume_sync(%L);', d.label))
           else coalesce(p_error ->> 'hint', format('select * from ampsync.resume_sync(%L);', d.label)) end,
           'failing_since', case when v_absent then b.failing_since else coalesce(b.failing_since, b.now) end,
           'absent_since', case when v_absent then coalesce(b.absent_since, b.now) end)
    from (select o.dataset_id, n.now, e.absent_since,
                 case when e.absent_since <= n.now - interval '60 s' then null else e.failing_since end as failing_since
            from ampsync_private.dataset o
           cross join (select ampsync_private.now() as now) n
            left join lateral jsonb_to_record(o.error) e (failing_since timestamptz, absent_since timestamptz)
                   on o.state = p_state
           where o.dataset_id = p_dataset_id
             for no key update of o) b
   where d.dataset_id = b.dataset_id
  returning d.attempts, d.next_retry, d.resolved_version is null into v_attempts, v_retry, v_unknown;
  if not found then -- Dropped meanwhile.
    return null;
  end if;

  v_event := case when p_state = 'failed' then 'dataset_failed'
                  when v_attempts % 5 = 0 then 'still_waiting_for_dataset'
                  when v_attempts = 1 and v_unknown and p_error ->> 'code' = 'SY103'
                    then 'dataset_not_found_waiting_for_publish'
                  else 'waiting_for_dataset' end;

  if v_retry is not null then
    perform ampsync_private.schedule_resolve(p_dataset_id, v_retry);
  end if;

  if v_retry is null or v_attempts <= 2 or v_attempts % 5 = 0 then
    perform ampsync_private.journal(null, v_event,
      p_error || jsonb_build_object('attempts', v_attempts, 'next_retry', v_retry), p_dataset_id);
  end if;
  return v_event;
end;
$$;

comment on function ampsync_worker.defer_resolve(bigint, text, jsonb, double precision)
  is 'Record why a dataset could not be resolved, and when to retry.';
