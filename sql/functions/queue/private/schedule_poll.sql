-- Queues the job that asks the Admin API for a dataset's list of versions; with `p_run_at` null
-- it is due immediately. One waiting job per dataset, however many workers there are.
create or replace function ampsync_private.schedule_poll(
  p_dataset_id bigint,
  p_run_at     timestamptz default null
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job(
    'ampsync_poll',
    payload    => json_build_object('dataset_id', p_dataset_id::text),
    job_key    => 'ampsync_poll:' || p_dataset_id,
    run_at     => p_run_at
  );
$$;

comment on function ampsync_private.schedule_poll(bigint, timestamptz)
  is 'Queue the job that looks for a new version of a dataset.';
