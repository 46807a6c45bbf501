-- Looks whether other workers are alive. A process that dies closes its connections, so that the
-- lock that its heartbeat session held is free. Two looks in a row must find it free: a worker
-- that lost that session for a moment connects again at once. Then the worker is dead: its jobs
-- are freed, and its streams are queued; acquire_lease takes them over as if they had expired.
-- The supervisor is queued for whatever else the worker did.
--
-- Only time counts for a worker that never held the lock, that is frozen or cut off (the server
-- keeps its session for a while), whose lock a pooler keeps, and in the first 5 s after a start
-- of the server, when all workers have lost their sessions.
--
-- p_suspects: what the last look of this worker returned. Returns those whose lock is free now
-- and who are not known to be dead yet.
--
-- Called every 500 ms by each worker in its heartbeat session, whose own lock it holds. Writes
-- nothing while all are alive. Idempotent.
--
-- Locks: rows of workers and streams that are not locked, rows of graphile_worker (300 ms at most,
-- then again at the next look).
create or replace function ampsync_worker.find_dead_workers(
  p_worker_id text,
  p_suspects  text[]
)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_now     timestamptz := ampsync_private.now();
  v_free    text[];
  v_dead    text[];
  v_streams bigint[];
begin
  perform ampsync_private.hold_worker_lock(p_worker_id);
  if pg_postmaster_start_time() > v_now - interval '5 s' then
    return '{}';
  end if;

  v_free := array(
    select w.worker_id
      from ampsync_private.worker w
     where w.worker_id <> p_worker_id
       and w.had_lock
       and w.heartbeat_at > v_now - ampsync_private.lease_duration() -- What older ones held has expired.
       and (w.lost_at is null -- Otherwise a call that was under way may have ended after its worker.
            or exists (select from ampsync_private.lease l where l.holder = w.worker_id and l.acquired_at > w.lost_at)
            or exists (select from graphile_worker.jobs j where j.locked_by = w.worker_id))
       -- Unlocked at once: other onlookers, and the worker itself, must not find it taken.
       and case when pg_try_advisory_lock(ampsync_private.worker_key(w.worker_id))
                then pg_advisory_unlock(ampsync_private.worker_key(w.worker_id)) else false end
  );
  if not v_free && p_suspects or ampsync_private.notify_waits() then -- Queueing a job notifies.
    return v_free;
  end if;

  perform ampsync_private.commit_async();
  begin
    v_dead := array( -- Locked: another worker has found it dead in this moment.
      select w.worker_id
        from ampsync_private.worker w
       where w.worker_id = any (v_free)
         and w.worker_id = any (p_suspects)
         for no key update skip locked
    );
    v_streams := array(
      select s.stream_id
        from ampsync_private.stream s
        join ampsync_private.lease l using (stream_id)
       where l.holder = any (v_dead)
         and not ampsync_private.is_halted(s.state)
         for no key update of s skip locked
    );
    if ampsync_private.free_jobs(v_dead) > 0 or v_streams <> '{}' then -- It did not just stop.
      perform ampsync_private.schedule_stream(t.stream_id)
         from unnest(v_streams) t(stream_id)
        where not ampsync_private.job_waits('ampsync_stream:' || t.stream_id, null);
      perform ampsync_private.schedule_supervisor(v_now);
    end if;

    update ampsync_private.worker w
       set lost_at = v_now
     where w.worker_id = any (v_dead);
  exception
    when lock_not_available then
      return v_free; -- A transaction that stays open has replaced one of the jobs.
  end;
  return array(select unnest(v_free) except select unnest(v_dead));
end;
$$;

comment on function ampsync_worker.find_dead_workers(text, text[])
  is 'Look whether other workers are alive; free the jobs of dead ones and queue their streams.';
