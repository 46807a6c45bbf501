-- Queues the job that moves the upgrade of a dataset on: immediately, or not before the given
-- time. One waiting job per dataset; a second one is harmless.
create or replace function ampsync_private.schedule_upgrade(
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
    'ampsync_upgrade',
    payload    => json_build_object('dataset_id', p_dataset_id::text),
    job_key    => 'ampsync_upgrade:' || p_dataset_id,
    run_at     => p_run_at
  );
$$;

comment on function ampsync_private.schedule_upgrade(bigint, timestamptz)
  is 'Queue the job that moves the upgrade of a dataset on.';
