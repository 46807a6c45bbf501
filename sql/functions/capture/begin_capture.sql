-- What a pass of capture begins with: {"mode","slot","start_lsn","poll_interval_ms"}. Null: there is nothing to read,
-- another pass is under way, or the slot cannot be read from and is being made anew (slot_fault). What may change until
-- the slot is ours is told by take_capture and captured_tables.
--
-- Nothing is claimed by it: the slot admits one reader, and take_capture follows when it is ours. A session that
-- reads the slot for a worker that is dead, or frozen for the time of a lease, is ended.
create or replace function ampsync_worker.begin_capture(
  p_worker text
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_capture ampsync_private.capture;
begin
  if not ampsync_private.is_capturing()
     or ampsync_private.capture_runs()
        -- Its own pass goes on, to read something again; in mode poll one may have gone without a word as well.
        and not exists (select 1
                          from ampsync_private.capture c
                         where c.worker_id = p_worker
                           and (c.acquired_at is null or ampsync_worker.capture_transport() = 'poll')) then
    return null;
  end if;
  if ampsync_private.slot_fault() is not null then -- Reads the slot first, and the row later.
    perform ampsync_private.schedule_publication();
    return null;
  end if;

  select * into v_capture from ampsync_private.capture c;
  if ampsync_private.end_dead_reader(v_capture) then
    for v_look in 1 .. 100 loop
      exit when not exists (select from ampsync_private.our_slot() s where s.active_pid is not null);
      perform pg_sleep(0.01);
    end loop;
  end if;

  return jsonb_build_object(
    'mode',             ampsync_worker.capture_transport(),
    'slot',             v_capture.slot,
    'start_lsn',        v_capture.end_lsn,
    'poll_interval_ms', (extract(epoch from v_capture.poll_interval) * 1000)::bigint);
end;
$$;

comment on function ampsync_worker.begin_capture(text)
  is 'What a pass of capture begins with; null: there is nothing to read, or somebody reads it.';
