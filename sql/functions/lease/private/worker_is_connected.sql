-- Whether a session holds the lock of a worker. Read from pg_locks, so that any number of
-- sessions can ask at once: an exclusive try by one would look to the others like the worker.
create or replace function ampsync_private.worker_is_connected(
  p_worker_id text
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select 1
      from ampsync_private.worker_key(p_worker_id) w(key)
      join pg_locks k
        on k.classid::bigint = ((w.key >> 32) & 4294967295)
       and k.objid::bigint = (w.key & 4294967295)
     where k.locktype = 'advisory' and k.objsubid = 1 and k.granted and k.mode = 'ShareLock'
       and k.database = (select d.oid from pg_database d where d.datname = current_database())
  );
end;
$$;

comment on function ampsync_private.worker_is_connected(text)
  is 'Whether the heartbeat session of a worker exists.';
