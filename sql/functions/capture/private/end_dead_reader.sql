-- Ends the session that reads our slot where its worker is dead or not heard any more, frozen or cut
-- off: the slot admits one reader. Returns whether it did.
--
-- Only a session that began before that worker took capture over: a successor may be reading already.
create or replace function ampsync_private.end_dead_reader(
  p_capture ampsync_private.capture
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_pid integer;
begin
  if p_capture.worker_id is null or ampsync_private.worker_lives(p_capture.worker_id) then
    return false;
  end if;
  select s.active_pid into v_pid
    from ampsync_private.our_slot() s
    join pg_stat_activity a on a.pid = s.active_pid
   where coalesce(a.backend_start <= p_capture.acquired_at, true);
  if not found then
    return false;
  end if;
  begin
    perform pg_terminate_backend(v_pid);
  exception
    when insufficient_privilege then
      return false;
  end;
  perform ampsync_private.journal(null, 'capture_reader_ended',
            jsonb_build_object('worker', p_capture.worker_id, 'pid', v_pid));
  return true;
end;
$$;

comment on function ampsync_private.end_dead_reader(ampsync_private.capture)
  is 'End the session that reads our slot where its worker is dead.';
