-- Ends whoever writes under an epoch of a stream, and keeps others from
-- beginning to until this transaction ends. Returns the number of backends ended.
--
-- They are terminated: a frozen client in mid-COPY would block its successor on
-- the primary key for ever, and no time-out ends it. Then the fence is taken in
-- exclusive mode, which is granted when the last of them is really gone.
--
-- Locks: fence (exclusive).
create or replace function ampsync_private.end_writers(
  p_stream_id bigint,
  p_epoch     bigint
)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key   bigint := ampsync_private.fence_key(p_stream_id, p_epoch);
  v_pid   integer;
  v_ended integer := 0;
begin
  for v_pid in
    select k.pid
      from pg_locks k
     where k.locktype = 'advisory' and k.mode = 'ShareLock' and k.granted and k.objsubid = 1
       and k.database = (select d.oid from pg_database d where d.datname = current_database())
       and k.classid::bigint = ((v_key >> 32) & 4294967295)
       and k.objid::bigint = (v_key & 4294967295)
       and k.pid <> pg_backend_pid()
  loop
    perform pg_terminate_backend(v_pid);
    v_ended := v_ended + 1;
  end loop;

  perform pg_advisory_xact_lock(v_key);
  return v_ended;
end;
$$;

comment on function ampsync_private.end_writers(bigint, bigint)
  is 'End whoever writes under an epoch of a stream, and wait until they are gone.';
