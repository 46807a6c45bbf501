-- Queues the next pass of capture; with `p_run_at` null it is due immediately. One waiting job: of two that run the
-- slot admits one.
create or replace function ampsync_private.schedule_capture(
  p_run_at timestamptz default null
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job(
    'ampsync_capture',
    job_key    => 'ampsync_capture',
    run_at     => p_run_at,
    flags      => '{ampsync_pass}'
  );
$$;

comment on function ampsync_private.schedule_capture(timestamptz)
  is 'Queue the next pass of capture.';
