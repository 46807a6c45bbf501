-- Queues the removal of what the log does not need any more: rows that belong to no entry, and what is older than it
-- shall be kept. One waiting job; with `p_run_at` null it is due immediately.
create or replace function ampsync_private.schedule_rotation(
  p_run_at timestamptz default null
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job(
    'ampsync_rotate',
    job_key => 'ampsync_rotate',
    run_at  => p_run_at
  );
$$;

comment on function ampsync_private.schedule_rotation(timestamptz)
  is 'Queue the removal of what the log does not need any more.';
