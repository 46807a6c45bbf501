-- The supervisor's part for clients: gateways that were silent for 30 s go, with their sessions, and sessions of which
-- their gateway says nothing, such as one whose opening it never heard the answer to; snapshots of jobs
-- that died are queued again, and get a job where they have none; what expired goes, and definition_change rows of
-- more than a day ago, once there are many. Returns how many gateways and snapshots that were.
--
-- Waits for nobody. Locks: rows of gateways, clients, sessions and snapshots that are free, rows of graphile_worker.
create or replace function ampsync_worker.supervise_delivery()
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_now   timestamptz := ampsync_private.now();
  v_item  record;
  v_count integer := 0;
begin
  for v_item in
    select g.gateway_id
      from ampsync_private.gateway g
     where g.heartbeat_at < v_now - interval '30 s'
       for update skip locked
  loop
    perform ampsync_private.end_sessions(v_item.gateway_id);
    delete from ampsync_private.gateway g where g.gateway_id = v_item.gateway_id;
    v_count := v_count + 1;
  end loop;
  perform ampsync_private.end_sessions(s.gateway_id) -- Opened, and never told a heartbeat.
     from (select distinct n.gateway_id
             from ampsync_private.session n
            where not exists (select from ampsync_private.gateway g where g.gateway_id = n.gateway_id)
              and n.connected_at < v_now - interval '30 s') s;
  perform ampsync_private.end_sessions(null, interval '3 minutes'); -- A gateway says something of each once a minute.

  v_count := v_count + ampsync_private.free_snapshots();
  for v_item in
    select s.snapshot_id
      from ampsync_private.snapshot s
     where s.state = 'queued'
       and not ampsync_private.job_waits('ampsync_snapshot:' || s.snapshot_id, null)
       and (select count(*) from ampsync_private.snapshot b where b.state = 'building') < 2
     order by s.created_at
     limit 2
       for no key update skip locked
  loop
    perform ampsync_private.schedule_snapshot(v_item.snapshot_id);
    v_count := v_count + 1;
  end loop;
  perform ampsync_private.shed_snapshots(1073741824);

  delete from ampsync_private.definition_change d
   where d.at < v_now - interval '1 day'
     and (select count(*) from ampsync_private.definition_change o where o.at < v_now - interval '1 day') >= 1000;
  return v_count;
end;
$$;

comment on function ampsync_worker.supervise_delivery()
  is 'Remove dead gateways with their sessions and what expired; queue snapshots again whose job died.';
