-- Records why the upgrade of a dataset could not be moved on; it is retried at growing
-- intervals. ampsync.upgrades and ampsync.status show the reason meanwhile; the first failure is
-- journaled, and every fifth after it. If another attempt helps only once somebody has removed
-- the cause, or the old streams have stood still for a minute, they go on meanwhile. No effect
-- if there is no upgrade.
--
-- p_error  {"code", "message", "detail", "hint"}
-- p_stops  whether an attempt soon after would only fail again
--
-- Locks: dataset row, upgrade row, stream rows.
create or replace function ampsync_worker.defer_upgrade(
  p_dataset_id bigint,
  p_error      jsonb,
  p_stops      boolean
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_upgrade ampsync_private.upgrade;
begin
  perform ampsync_private.lock_dataset(p_dataset_id);
  update ampsync_private.upgrade u
     set attempts   = u.attempts + 1,
         next_retry = ampsync_private.now() + ampsync_private.retry_delay(u.attempts + 1, '{1,2,4,8,16,30,60}'),
         error      = p_error
   where u.dataset_id = p_dataset_id
  returning * into v_upgrade;
  if not found then
    return;
  end if;

  if p_stops or v_upgrade.frozen_at <= ampsync_private.now() - interval '60 s' then
    perform ampsync_private.thaw_streams(p_dataset_id);
  end if;
  perform ampsync_private.schedule_upgrade(p_dataset_id, u.next_retry)
     from ampsync_private.upgrade u
    where u.dataset_id = p_dataset_id;
  if v_upgrade.attempts % 5 = 1 then
    perform ampsync_private.journal(null, 'swap_deferred', p_error || jsonb_build_object(
              'attempts', v_upgrade.attempts, 'next_retry', v_upgrade.next_retry), p_dataset_id);
  end if;
end;
$$;

comment on function ampsync_worker.defer_upgrade(bigint, jsonb, boolean)
  is 'Record why the upgrade of a dataset could not be moved on, and retry later.';
