-- A snapshot could not be made, with the error, {"code", "message", "detail", "hint"}; it is tried again when
-- somebody asks for it 10 s later. Null: the job was told to stop, and another one makes it. Nothing happens where
-- another job has it.
create or replace function ampsync_worker.fail_snapshot(
  p_snapshot uuid,
  p_attempt  integer,
  p_error    jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  update ampsync_private.snapshot s
     set state   = case when p_error is null then 'queued' else 'failed' end,
         error   = p_error,
         used_at = ampsync_private.now()
   where s.snapshot_id = p_snapshot
     and s.attempt = p_attempt
     and s.state = 'building';
  if found then
    delete from ampsync_private.snapshot_chunk c where c.snapshot_id = p_snapshot;
    if p_error is null then
      perform ampsync_private.schedule_snapshot(p_snapshot);
    else
      perform ampsync_private.tell_gateways(jsonb_build_object('snapshot', p_snapshot, 'state', 'failed'));
    end if;
  end if;
  perform pg_advisory_unlock(ampsync_private.snapshot_key(p_snapshot))
    from pg_locks l
   where l.locktype = 'advisory' and l.objsubid = 1 and l.pid = pg_backend_pid() and l.mode = 'ExclusiveLock'
     and l.classid::bigint = ((ampsync_private.snapshot_key(p_snapshot) >> 32) & 4294967295)
     and l.objid::bigint = (ampsync_private.snapshot_key(p_snapshot) & 4294967295);
end;
$$;

comment on function ampsync_worker.fail_snapshot(uuid, integer, jsonb)
  is 'A snapshot could not be made.';
