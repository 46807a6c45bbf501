-- Whether a pass of capture is under way: a worker that lives holds it, and a session reads our slot. In mode
-- poll a session reads it for moments alone: there it counts that something was received or stored within some
-- intervals, or pauses behind looks that take long, and half a minute, as the beats of the supervisor are.
create or replace function ampsync_private.capture_runs()
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_read boolean := exists (select from ampsync_private.our_slot() s where s.active_pid is not null);
begin
  return exists (select 1
                   from ampsync_private.capture c
                  where (v_is_read
                         or ampsync_worker.capture_transport() = 'poll'
                            and greatest(c.acquired_at, c.received_at, c.stored_at)
                                > ampsync_private.now() - (interval '30 s' + 8 * c.poll_interval
                                                            + 2 * ampsync_private.look_pause(c.look_ms)))
                    and c.worker_id is not null
                    and ampsync_private.worker_lives(c.worker_id));
end;
$$;

comment on function ampsync_private.capture_runs()
  is 'Whether a pass of capture is under way in a worker that lives.';
