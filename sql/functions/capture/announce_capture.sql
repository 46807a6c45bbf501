-- Tells listeners on the channel `ampsync` that capture has another state, in a transaction of its
-- own: a NOTIFY holds a lock of the whole cluster while it commits. Returns false, without a
-- notification, while that lock is taken; the state is in ampsync.capture all the same.
--
-- p_state: off, starting, ok, behind, stalled, failed
--
-- Locks: that of all notifications, from the end of the call to the end of its transaction.
create or replace function ampsync_worker.announce_capture(
  p_state text
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if ampsync_private.notify_waits() then
    return false;
  end if;
  perform ampsync_private.commit_async();
  perform set_config('lock_timeout', '1s', true);
  perform pg_notify('ampsync', json_build_object('kind', 'capture', 'state', p_state)::text);
  return true;
end;
$$;

comment on function ampsync_worker.announce_capture(text)
  is 'Notify the channel ampsync that change capture has another state.';
