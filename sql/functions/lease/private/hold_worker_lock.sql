-- Holds the advisory lock of a worker in shared mode for as long as this session lasts: a
-- worker that dies loses it immediately, while its leases last for another half a minute.
-- Idempotent.
create or replace function ampsync_private.hold_worker_lock(
  p_worker_id text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key bigint := ampsync_private.worker_key(p_worker_id);
begin
  if not exists (select 1
                   from pg_locks k
                  where k.pid = pg_backend_pid() and k.locktype = 'advisory' and k.objsubid = 1
                    and k.classid::bigint = ((v_key >> 32) & 4294967295)
                    and k.objid::bigint = (v_key & 4294967295)) then
    perform pg_try_advisory_lock_shared(v_key);
  end if;
end;
$$;

comment on function ampsync_private.hold_worker_lock(text)
  is 'Hold the lock of a worker in this session, which shows that the worker is alive.';
