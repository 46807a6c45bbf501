-- Queues the supervisor at a given time. With `p_run_at` null it only makes sure that one is
-- queued: one that is stays untouched, because no worker takes a job that an open transaction has
-- changed.
create or replace function ampsync_private.schedule_supervisor(
  p_run_at timestamptz default null
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job(
    'ampsync_supervise',
    job_key      => 'ampsync_supervise',
    run_at       => coalesce(p_run_at, ampsync_private.now())
  )
   where p_run_at is not null
      or not ampsync_private.job_waits('ampsync_supervise', null);
$$;

comment on function ampsync_private.schedule_supervisor(timestamptz)
  is 'Make sure that a supervisor job is queued; at the given time, if any.';
