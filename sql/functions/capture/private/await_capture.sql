-- The same as wait_for_capture, within a transaction that goes on: for what must wait while it holds a lock. The
-- mark is sent outside of the transaction, which PostgreSQL 15 and 16 do not flush by itself: there it is read
-- when anybody commits, the supervisor after 5 s at most.
--
-- Errors: SY405; 25001 where the isolation is not READ COMMITTED, for it would never see what capture commits.
create or replace function ampsync_private.await_capture(
  p_timeout interval
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_deadline timestamptz := ampsync_private.now() + p_timeout;
  v_lsn      pg_lsn := pg_current_wal_insert_lsn();
begin
  perform ampsync_private.check_read_committed('waiting for capture');
  if ampsync.is_captured(v_lsn) then
    return;
  end if;

  if current_setting('server_version_num')::integer >= 170000 then
    execute 'select pg_logical_emit_message(false, ''ampsync/mark'', '''', true)';
  else
    perform pg_logical_emit_message(false, 'ampsync/mark', '');
  end if;
  while not ampsync.is_captured(v_lsn) loop
    if ampsync_private.now() > v_deadline then
      raise exception using
        errcode = 'SY405',
        message = 'capture lags too far',
        detail  = format('It has not reached %s within %s.', v_lsn, p_timeout),
        hint    = 'select state, reason, hint from ampsync.capture;';
    end if;
    perform pg_sleep(0.005);
  end loop;
end;
$$;

comment on function ampsync_private.await_capture(interval)
  is 'Wait within a transaction until what is visible now is in the log of changes.';
