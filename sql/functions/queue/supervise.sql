-- The safety net below the queue: frees the jobs of dead workers, and queues a pass for every
-- stream, swap, upgrade, index, dataset and reload that has none, from state alone. Jobs that were lost, duplicated or
-- ran out of attempts are put right here. Tables that came to a dataset later are let into its
-- cut.
--
-- Jobs are freed of workers of ours that were found dead (find_dead_workers), or whose heartbeat
-- is older than a lease, and of workers that have held one of our jobs for that long without any
-- heartbeat.
--
-- Waits for nobody's transaction: a stream or a dataset about which somebody is deciding is left
-- for the next run, since that transaction may have queued the same job already.
--
-- Idempotent. Returns the number of jobs queued. Locks: stream rows and dataset rows that are
-- not locked, rows of graphile_worker.
create or replace function ampsync_worker.supervise()
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_now    timestamptz := ampsync_private.now();
  v_lost   text[];
  v_dead   text[];
  v_item   record;
  v_queued integer := 0;
begin
  perform ampsync_private.commit_async();
  perform ampsync_private.shorten_times();

  v_lost := array(
    select w.worker_id
      from ampsync_private.worker w
     where w.lost_at is not null
       and ampsync_private.worker_is_dead(w.worker_id)
  );
  v_dead := array(
    select distinct j.locked_by
      from graphile_worker.jobs j
      left join ampsync_private.worker w on w.worker_id = j.locked_by
     where starts_with(j.task_identifier, 'ampsync_')
       and (coalesce(w.heartbeat_at, j.locked_at) < v_now - ampsync_private.lease_duration()
            or j.locked_by = any (v_lost))
  );
  begin
    perform ampsync_private.free_jobs(v_dead);

    -- Jobs that were replaced while they ran, by workers that then died: nothing will ever start them.
    perform graphile_worker.complete_jobs(array_agg(j.id))
       from graphile_worker.jobs j
      where starts_with(j.task_identifier, 'ampsync_')
        and j.key is null and j.locked_at is null and j.attempts >= j.max_attempts
     having count(*) > 0;
  exception
    when lock_not_available then
      null; -- A transaction that stays open has replaced one of them.
  end;

  perform ampsync_private.join_cut(s.stream_id)
     from ampsync_private.stream s
    where s.state = 'live' and not s.in_cut;
  perform ampsync_private.tend_shapes();

  delete from ampsync_private.worker w
   where w.heartbeat_at < v_now - interval '1 day';

  for v_item in
    select s.stream_id
      from ampsync_private.stream s
      join ampsync_private.lease l using (stream_id)
     where not ampsync_private.is_halted(s.state)
       and (l.lease_until is null or l.lease_until <= v_now or l.holder = any (v_lost))
       and not ampsync_private.job_waits('ampsync_stream:' || s.stream_id, s.next_retry)
       and not case when s.shadow_of is not null and ampsync_private.is_beside(s)
                      then ampsync_private.swap_runs(s.stream_id)
                    when s.swap_retry is null then ampsync_private.job_waits('ampsync_swap:' || s.stream_id, null)
                    else ampsync_private.swap_runs(s.stream_id) end -- Between two attempts it follows the chain.
       for no key update of s skip locked
  loop
    perform ampsync_private.schedule_stream(v_item.stream_id);
    perform ampsync_private.journal(v_item.stream_id, 'job_recreated');
    v_queued := v_queued + 1;
  end loop;

  for v_item in
    select s.stream_id
      from ampsync_private.stream s
     where s.shadow_of is not null
       and ampsync_private.swap_is_due(s.stream_id)
       and not ampsync_private.is_beside(s)
       and not ampsync_private.job_waits('ampsync_swap:' || s.stream_id, s.swap_retry)
       for no key update skip locked
  loop
    perform ampsync_private.schedule_swap(v_item.stream_id);
    perform ampsync_private.journal(v_item.stream_id, 'job_recreated');
    v_queued := v_queued + 1;
  end loop;

  perform ampsync_worker.yield_index_build('5 s'); -- Of a worker that died: the server goes on with it.
  if ampsync_private.index_builder() is null then
    for v_item in
      select s.stream_id
        from ampsync_private.stream s
        join ampsync_private.dataset d using (dataset_id)
       where exists (select 1 -- What is cheap first: of most streams all indexes are there.
                       from ampsync_private.target_index t
                      where t.stream_id = s.stream_id
                        and t.state <> 'failed'
                        and not exists (select from pg_index i
                                         where i.indexrelid = t.index_id and i.indrelid = s.target and i.indisvalid))
         and ampsync_private.indexes_are_due(s.stream_id)
         and not ampsync_private.job_waits('ampsync_index:' || s.stream_id, (
               select min(t.next_retry) from ampsync_private.target_index t where t.stream_id = s.stream_id))
         for no key update skip locked
    loop
      perform ampsync_private.schedule_index(v_item.stream_id);
      perform ampsync_private.journal(v_item.stream_id, 'job_recreated');
      v_queued := v_queued + 1;
    end loop;
  end if;

  for v_item in
    select u.dataset_id
      from ampsync_private.upgrade u
      join ampsync_private.dataset d using (dataset_id)
     where ampsync_private.upgrade_step(u.dataset_id) is not null
       and not ampsync_private.job_waits('ampsync_upgrade:' || u.dataset_id, u.next_retry)
       for no key update of d skip locked
  loop
    perform ampsync_private.schedule_upgrade(v_item.dataset_id);
    perform ampsync_private.journal(null, 'job_recreated', p_dataset_id => v_item.dataset_id);
    v_queued := v_queued + 1;
  end loop;

  for v_item in
    select d.dataset_id
      from ampsync_private.dataset d
     where d.state = 'waiting'
       and not ampsync_private.job_waits('ampsync_resolve:' || d.dataset_id, d.next_retry)
       for no key update skip locked
  loop
    perform ampsync_private.schedule_resolve(v_item.dataset_id);
    perform ampsync_private.journal(null, 'job_recreated', p_dataset_id => v_item.dataset_id);
    v_queued := v_queued + 1;
  end loop;

  for v_item in
    select d.dataset_id
      from ampsync_private.dataset d
     where ampsync_private.wants_reload(d)
       and not ampsync_private.job_waits('ampsync_reload:' || d.dataset_id, d.offered_retry)
       for no key update skip locked
  loop
    perform ampsync_private.schedule_reload(v_item.dataset_id);
    perform ampsync_private.journal(null, 'job_recreated', p_dataset_id => v_item.dataset_id);
    v_queued := v_queued + 1;
  end loop;

  for v_item in
    select d.dataset_id
      from ampsync_private.dataset d
     where ampsync_private.is_polled(d)
       and not ampsync_private.job_waits('ampsync_poll:' || d.dataset_id, d.poll_due)
       for no key update skip locked
  loop
    perform ampsync_private.schedule_poll(v_item.dataset_id);
    perform ampsync_private.journal(null, 'job_recreated', p_dataset_id => v_item.dataset_id);
    v_queued := v_queued + 1;
  end loop;

  return v_queued;
end;
$$;

comment on function ampsync_worker.supervise()
  is 'Free the jobs of dead workers and queue whatever has no job; returns the number of jobs queued.';
