-- Queues the job that asks the Admin API for a dataset's version and tables; with `p_run_at`
-- null it is due immediately. One waiting job per dataset; a second one is harmless.
create or replace function ampsync_private.schedule_resolve(
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
    'ampsync_resolve',
    payload    => json_build_object('dataset_id', p_dataset_id::text),
    job_key    => 'ampsync_resolve:' || p_dataset_id,
    run_at     => p_run_at
  );
$$;

comment on function ampsync_private.schedule_resolve(bigint, timestamptz)
  is 'Queue the job that resolves a dataset to a version and its tables.';
