-- Whether everything in WAL below a place is in the log; true where nothing is captured. Such a place is
-- `pg_current_wal_insert_lsn()`: what was visible before it was read stands below it. SY405 where capture does
-- not run, so that waiting for it would be in vain.
--
-- An idle server tells it with the next beat, after 5 s; wait_for_capture makes it told at once. Runs with its
-- owner's rights.
create or replace function ampsync.is_captured(
  lsn pg_lsn
)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_capture ampsync_private.capture;
begin
  select * into v_capture from ampsync_private.capture c;
  if greatest(v_capture.end_lsn, v_capture.idle_lsn) >= lsn
     or not ampsync_private.is_capturing() then
    return true;
  end if;
  if v_capture.error ->> 'code' in ('SY403', 'SY404')
     -- A pass that connects anew, to read something again, has not ended: then nobody reads the slot for a moment.
     or not coalesce(ampsync_private.worker_lives(v_capture.worker_id), false)
        and not ampsync_private.job_waits('ampsync_capture', v_capture.next_retry)
        and not ampsync_private.job_waits('ampsync_publication', null)
        and not exists (select 1 -- Its supervisor queues what is missing.
                          from ampsync_private.worker w
                         where ampsync_private.worker_lives(w.worker_id)) then
    raise exception using
      errcode = 'SY405',
      message = 'capture does not run',
      detail  = coalesce(v_capture.error ->> 'message', 'No worker reads WAL, and no job of it waits.'),
      hint    = 'select state, reason, hint from ampsync.capture;';
  end if;
  return false;
end;
$$;

comment on function ampsync.is_captured(pg_lsn)
  is 'Whether everything in WAL below a place is in the log of changes.';
