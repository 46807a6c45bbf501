-- Queues the job that asks the Admin API for a dataset's version and tables; with `p_run_at`
-- null it is due immediately. One waiting job per dataset; a second one is harmless. A dataset of
-- queries alone has nothing to ask for: it is `active` at once.
--
-- Locks: dataset row.
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
  update ampsync_private.dataset d
     set state = 'active', since = ampsync_private.now(), attempts = 0, next_retry = null, error = null
   where d.dataset_id = p_dataset_id
     and ampsync_private.has_only_queries(d)
     and d.state <> 'active';

  select graphile_worker.add_job(
    'ampsync_resolve',
    payload    => json_build_object('dataset_id', p_dataset_id::text),
    job_key    => 'ampsync_resolve:' || p_dataset_id,
    run_at     => p_run_at
  )
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and not ampsync_private.has_only_queries(d);
$$;

comment on function ampsync_private.schedule_resolve(bigint, timestamptz)
  is 'Queue the job that resolves a dataset to a version and its tables.';
