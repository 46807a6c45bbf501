-- Records why a dataset does not follow the version that it was offered, and queues the next
-- attempt. The streams run on as they are. No effect if that version is not the offered one any
-- more.
--
-- The server's trouble is retried p_max_retries times after 1, 2, 4, 8, 16, 30 s, and so is a
-- table in use, without limit. After that, and for what a retry does not cure by itself, the
-- reload has failed (event version_reload_failed), and is tried again after 5, 10, 20, 40, 60,
-- 60 … s: somebody may remove what is in the way, and ampsync.resume_sync retries at once.
--
-- When a table was in use three times in a row, now by a writer of our own, all of the dataset's
-- writers rest for 60 s: a COPY that stays open must not starve the change. They do not rest for
-- readers, behind whom they only wait with us.
--
-- p_error: {"code", "message", "detail", "hint"}, of a table in use also "pids": see
--          lock_for_change
-- p_max_retries: 0 for what a retry does not cure
--
-- Locks: dataset row.
create or replace function ampsync_worker.defer_reload(
  p_dataset_id    bigint,
  p_version       text,
  p_manifest_hash text,
  p_error         jsonb,
  p_max_retries   integer
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now      timestamptz := ampsync_private.now();
  v_in_use   boolean := p_error ->> 'code' = '55P03';
  v_dataset  ampsync_private.dataset;
  v_attempts integer;
  v_failures integer;
  v_retry    timestamptz;
begin
  select * into v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and (d.offered_version, d.offered_hash) is not distinct from (p_version, p_manifest_hash)
     for no key update;
  if not found or v_dataset.offered_version is null then
    return;
  end if;

  v_attempts := v_dataset.offered_attempts + 1;
  v_failures := v_attempts - p_max_retries; -- 1 and above: it has failed.
  v_retry := v_now + case when v_in_use or v_failures < 1
                          then ampsync_private.retry_delay(v_attempts, '{1,2,4,8,16,30}')
                          else ampsync_private.retry_delay(v_failures, '{5,10,20,40,60}') end;

  update ampsync_private.dataset d
     set offered_attempts = v_attempts,
         offered_retry    = v_retry,
         offered_error    = p_error - 'pids' || jsonb_build_object('hint', coalesce(p_error ->> 'hint',
                              'Retried automatically: select * from ampsync.events order by event_id desc limit 10;')),
         quiesce_until    = case
           when d.quiesce_until > v_now then d.quiesce_until
           when v_in_use and v_attempts >= 3
                and exists (select 1
                              from ampsync_private.stream s
                              join ampsync_private.lease l using (stream_id)
                             cross join lateral ampsync_private.fence_holders(l.stream_id, l.epoch) f
                             where s.dataset_id = d.dataset_id
                               and f.mode = 'ShareLock'
                               and p_error -> 'pids' @> to_jsonb(f.pid))
             then v_now + interval '60 s' end
   where d.dataset_id = p_dataset_id;
  perform ampsync_private.schedule_reload(p_dataset_id);

  if v_failures >= 1
     and (v_failures % 5 = 1 or v_dataset.offered_error ->> 'message' is distinct from p_error ->> 'message') then
    perform ampsync_private.journal(null, 'version_reload_failed', p_error - 'pids' || jsonb_build_object(
              'version', p_version, 'attempts', v_attempts, 'next_retry', v_retry), p_dataset_id);
  end if;
end;
$$;

comment on function ampsync_worker.defer_reload(bigint, text, text, jsonb, integer)
  is 'Record why a dataset does not follow the version that it was offered, and when to retry.';
