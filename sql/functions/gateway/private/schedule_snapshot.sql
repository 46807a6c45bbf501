-- Queues a job that makes snapshots, since this one waits.
create or replace function ampsync_private.schedule_snapshot(
  p_snapshot_id uuid
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job('ampsync_snapshot', job_key => 'ampsync_snapshot:' || p_snapshot_id);
$$;

comment on function ampsync_private.schedule_snapshot(uuid)
  is 'Queue a job that makes snapshots.';
