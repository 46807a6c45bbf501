-- Frees the jobs of workers that are dead, and removes those that are ours: they are not used
-- again, because a worker that only seemed dead deletes, by id, the job it has done, and with it
-- the next pass that was queued in its place. The caller queues others. Returns their number. By
-- graphile_worker.force_unlock_workers, because graphile-worker itself waits four hours.
--
-- Locks: rows of graphile_worker; waits as long as the caller's lock_timeout.
create or replace function ampsync_private.free_jobs(
  p_workers text[]
)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_jobs bigint[] := array(
    select j.id
      from graphile_worker.jobs j
     where j.locked_by = any (p_workers)
       and starts_with(j.task_identifier, 'ampsync_')
  );
begin
  if v_jobs = '{}' then
    return 0;
  end if;
  perform graphile_worker.force_unlock_workers(p_workers);
  perform graphile_worker.complete_jobs(v_jobs);
  perform ampsync_private.journal(null, 'workers_freed', jsonb_build_object('workers', to_jsonb(p_workers)));
  return cardinality(v_jobs);
end;
$$;

comment on function ampsync_private.free_jobs(text[])
  is 'Free the jobs of dead workers; those of ampsync are removed.';
