-- Queues the jobs of capture that are missing: the one that keeps publication and slot where something
-- about them is to be done and nobody does it, else the next pass. Returns how many.
--
-- Locks: rows of graphile_worker; where a transaction that stays open has changed one, it is left for
-- the next run.
create or replace function ampsync_private.queue_capture_jobs(
  p_capture ampsync_private.capture,
  p_is_used boolean,
  p_fault   text
)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_tended boolean := exists (select from ampsync_private.lock_holders(ampsync_private.publication_key()) h
                                 where h.is_ours);
begin
  if not v_is_tended
     and (exists (select from ampsync_private.published p where ampsync_private.is_to_put_back(p.put_back))
          or exists (select from ampsync_private.sources_to_publish())
          or exists (select 1
                       from ampsync_private.published p
                      where p.baseline_asked is not null and p.mode = 'rows' and p.state = 'live')
          or case when p_is_used then p_fault is not null or ampsync_private.publication_flaw() is not null
                  else p_capture.unused_since <= ampsync_private.now() - interval '10 min' end)
     and not ampsync_private.job_waits('ampsync_publication', p_capture.next_retry) then
    perform ampsync_private.schedule_publication();
    return 1;
  end if;
  if p_is_used and p_fault is null
     and not ampsync_private.capture_runs()
     and not ampsync_private.job_waits('ampsync_capture', p_capture.next_retry) then
    perform ampsync_private.schedule_capture();
    perform ampsync_private.journal(null, 'job_recreated', '{"job": "ampsync_capture"}');
    return 1;
  end if;
  return 0;
exception
  when lock_not_available then
    return 0;
end;
$$;

comment on function ampsync_private.queue_capture_jobs(ampsync_private.capture, boolean, text)
  is 'Queue the jobs of capture that are missing.';
