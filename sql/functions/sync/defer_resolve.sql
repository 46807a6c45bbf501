-- Records why a dataset could not be resolved. State `waiting` is retried after 2, 4, 8, 16,
-- 30, 30 … seconds, without end; `failed` waits for ampsync.resume_sync.
--
-- p_error: {"code", "message", "detail", "hint"}
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
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_attempts integer;
  v_retry    timestamptz;
begin
  update ampsync_private.dataset d
     set state      = p_state,
         since      = case when d.state <> p_state then ampsync_private.now() else d.since end,
         attempts   = d.attempts + 1,
         next_retry = case when p_state = 'waiting' then ampsync_private.now() + greatest(
                        ampsync_private.retry_delay(d.attempts + 1, '{2,4,8,16,30}'),
                        make_interval(secs => least(coalesce(p_retry_after_s, 0), 300))) end,
         error      = p_error || jsonb_build_object('hint', coalesce(p_error ->> 'hint', case
           when p_state = 'waiting'
             then 'Retried automatically: select * from ampsync.events order by event_id desc limit 10;'
           else format('select * from ampsync.resume_sync(%L);', d.label) end))
   where d.dataset_id = p_dataset_id
  returning d.attempts, d.next_retry into v_attempts, v_retry;
  if not found then -- Dropped meanwhile.
    return;
  end if;

  if v_retry is not null then
    perform ampsync_private.schedule_resolve(p_dataset_id, v_retry);
  end if;

  if v_retry is null or v_attempts % 5 = 1 then
    perform ampsync_private.journal(null,
      case when v_retry is null then 'dataset_failed'
           when v_attempts = 1 then 'waiting_for_dataset'
           else 'still_waiting_for_dataset' end,
      p_error || jsonb_build_object('attempts', v_attempts, 'next_retry', v_retry), p_dataset_id);
  end if;
end;
$$;

comment on function ampsync_worker.defer_resolve(bigint, text, jsonb, double precision)
  is 'Record why a dataset could not be resolved, and when to retry.';
