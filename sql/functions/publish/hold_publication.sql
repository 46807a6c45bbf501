-- Takes the lock of the job ampsync_publication for the session; false: another session works on
-- publication and slot. It also sees to it that the server notices soon when its client is gone while
-- it waits for transactions of others.
--
-- Locks: a session's advisory lock, which it never waits for.
create or replace function ampsync_worker.hold_publication()
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  begin
    perform set_config('client_connection_check_interval', '5s', false);
  exception
    when others then
      null; -- The system of the server cannot.
  end;
  return pg_try_advisory_lock(ampsync_private.publication_key());
end;
$$;

comment on function ampsync_worker.hold_publication()
  is 'Take the lock of the job that keeps publication and slot; false: another session has it.';
