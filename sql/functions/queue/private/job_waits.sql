-- Whether a job of this key runs, or will start when it is due. One
-- whose attempts are used up, or that graphile-worker's own back-off pushed more
-- than a minute beyond our own time, does not count.
--
-- Nor does one that was taken longer ago than a lease lasts: the answer may have
-- been lost on the way to its worker, which lives and knows nothing of it. A pass
-- has its lease by then, and a second one does no harm. Swaps run without a lease,
-- for as long as merging two tables takes, and hold the fence.
create or replace function ampsync_private.job_waits(
  p_job_key text,
  p_due     timestamptz
)
  returns boolean
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select 1
      from graphile_worker.jobs j
     where j.key = p_job_key
       and (j.locked_at > ampsync_private.now() - ampsync_private.lease_duration()
            or (j.locked_at is not null and j.task_identifier = 'ampsync_swap'
                and ampsync_private.swap_runs(split_part(j.key, ':', 2)::bigint))
            or (j.locked_at is null and j.attempts < j.max_attempts
                and j.run_at <= greatest(p_due, ampsync_private.now()) + interval '1 min'))
  );
$$;

comment on function ampsync_private.job_waits(text, timestamptz)
  is 'Whether a job of this key runs, or will run in time.';
