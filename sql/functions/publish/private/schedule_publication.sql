-- Queues the job that keeps publication, replica identities and slot as they shall be; with
-- `p_run_at` null it is due immediately. One waiting job; a second one that runs beside it ends at
-- once. It may wait long for transactions of others, so it is a pass to the slots of a worker.
create or replace function ampsync_private.schedule_publication(
  p_run_at timestamptz default null
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job(
    'ampsync_publication',
    job_key    => 'ampsync_publication',
    run_at     => p_run_at,
    flags      => '{ampsync_pass}'
  );
$$;

comment on function ampsync_private.schedule_publication(timestamptz)
  is 'Queue the job that keeps publication, replica identities and slot.';
