-- Queues the job that takes over the version which a dataset was offered, due immediately, or
-- after a failure at the time of the next attempt. No effect if none is offered, or if it was
-- declined. One waiting job per dataset; a second one is harmless.
create or replace function ampsync_private.schedule_reload(
  p_dataset_id bigint
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job(
    'ampsync_reload',
    payload    => json_build_object('dataset_id', d.dataset_id::text),
    job_key    => 'ampsync_reload:' || d.dataset_id,
    run_at     => d.offered_retry
  )
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and coalesce(d.offered_version, d.offered_hash) is not null
     and not d.offered_declined;
$$;

comment on function ampsync_private.schedule_reload(bigint)
  is 'Queue the job that takes over the version which a dataset was offered.';
