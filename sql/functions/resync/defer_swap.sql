-- Records why a swap could not be done now, and queues it again at growing intervals.
-- ampsync.streams shows the reason meanwhile, even while the shadow continues to load; the
-- first failure is journaled, and every fifth after it. No effect if the shadow is gone.
--
-- p_error: {"code", "message", "detail", "hint"}
--
-- Locks: stream row of the shadow.
create or replace function ampsync_worker.defer_swap(
  p_shadow_id bigint,
  p_error     jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_shadow ampsync_private.stream;
begin
  perform ampsync_private.commit_async();

  update ampsync_private.stream s
     set swap_attempts = s.swap_attempts + 1,
         swap_retry    = ampsync_private.now() + ampsync_private.retry_delay(s.swap_attempts + 1, '{1,2,4,8,16,30,60}'),
         swap_error    = p_error
   where s.stream_id = p_shadow_id
     and s.shadow_of is not null
  returning * into v_shadow;
  if not found then
    return;
  end if;

  perform ampsync_private.schedule_swap(p_shadow_id);
  if v_shadow.swap_attempts % 5 = 1 then
    perform ampsync_private.journal(p_shadow_id, 'swap_deferred',
      p_error || jsonb_build_object('attempts', v_shadow.swap_attempts, 'next_retry', v_shadow.swap_retry));
  end if;
end;
$$;

comment on function ampsync_worker.defer_swap(bigint, jsonb)
  is 'Record why the rows of a resync could not be merged now, and retry later.';
