-- Ends the session that reads our slot where its worker is dead or not heard any more, frozen or cut
-- off: the slot admits one reader. Returns whether it did.
--
-- Only a session that began before that worker took capture over: a successor may be reading already. Of one that began
-- later, and has taken nothing over in the time of a lease, its name says whose it is (replication.ts): a worker that
-- was frozen in between. Where wal_sender_timeout is 0 nobody else ends that one.
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
  v_worker text;
  v_pid    integer;
begin
  select w.worker, s.active_pid into v_worker, v_pid
    from ampsync_private.our_slot() s
    join pg_stat_activity a on a.pid = s.active_pid
   cross join lateral (select p_capture.worker_id is not null
                              and coalesce(a.backend_start <= p_capture.acquired_at, true) as has_taken) t
   cross join lateral (select case when t.has_taken then p_capture.worker_id
                                   else substring(a.application_name from '^ampsync_capture (.+)$') end as worker) w
   where w.worker is not null
     and not ampsync_private.worker_lives(w.worker)
     and (t.has_taken or a.backend_start < ampsync_private.now() - ampsync_private.lease_duration());
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
            jsonb_build_object('worker', v_worker, 'pid', v_pid));
  return true;
end;
$$;

comment on function ampsync_private.end_dead_reader(ampsync_private.capture)
  is 'End the session that reads our slot where its worker is dead.';
