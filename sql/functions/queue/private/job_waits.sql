-- Whether a job of this key is running, or will start when it is due. A job without attempts
-- left does not count, nor one that graphile-worker's own back-off moved more than a minute
-- past our time.
--
-- Nor does a job that was taken longer ago than a lease lasts: the answer may have been lost on
-- its way to the worker, which lives on and knows nothing of it. By then a pass has its lease,
-- and a second one does no harm. A swap runs without a lease, for as long as merging two tables
-- takes, and holds the fence.
create or replace function ampsync_private.job_waits(
  p_job_key text,
  p_due     timestamptz
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select 1
      from graphile_worker.jobs j
     where j.key = p_job_key
       and (j.locked_at > ampsync_private.now() - ampsync_private.lease_duration()
            or (j.locked_at is not null and j.task_identifier = 'ampsync_swap'
                and ampsync_private.swap_runs(split_part(j.key, ':', 2)::bigint))
            or (j.locked_at is not null and j.task_identifier = 'ampsync_upgrade'
                and exists (select 1
                              from ampsync_private.stream s
                             where s.dataset_id = split_part(j.key, ':', 2)::bigint
                               and s.shadow_of is not null
                               and ampsync_private.swap_runs(s.stream_id)))
            or (j.locked_at is null and j.attempts < j.max_attempts
                and j.run_at <= greatest(p_due, ampsync_private.now()) + interval '1 min'))
  );
end;
$$;

comment on function ampsync_private.job_waits(text, timestamptz)
  is 'Whether a job of this key is running, or will run in time.';
