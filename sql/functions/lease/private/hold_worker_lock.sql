-- Holds the advisory lock of a worker in shared mode for as long as this session lasts: it shows
-- that the worker is alive, and a worker that dies loses it immediately. Shared, because an
-- abandoned session of the same worker may still hold it. Returns whether it is held; false
-- while an onlooker tries it, for a moment. Idempotent: the session remembers it.
create or replace function ampsync_private.hold_worker_lock(
  p_worker_id text
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('ampsync.worker', true) is distinct from p_worker_id then
    if not pg_try_advisory_lock_shared(ampsync_private.worker_key(p_worker_id)) then
      return false;
    end if;
    perform set_config('ampsync.worker', p_worker_id, false);
  end if;
  return true;
end;
$$;

comment on function ampsync_private.hold_worker_lock(text)
  is 'Hold the lock of a worker in this session, which shows that the worker is alive.';
