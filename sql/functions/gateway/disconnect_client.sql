-- Ends the session of a client. It connects again by itself, to whichever gateway. Returns whether it had one; SY004
-- where there is no such client.
--
-- Locks, 2 s at most: the client row, then its session.
create or replace function ampsync.disconnect_client(
  client uuid
)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
begin
  perform 1 from ampsync_private.client c where c.client_id = disconnect_client.client for no key update;
  perform ampsync_private.check_client(disconnect_client.client, found);
  return ampsync_private.end_session(disconnect_client.client, 'ended');
end;
$$;

comment on function ampsync.disconnect_client(uuid)
  is 'End the session of a client, which connects again by itself; returns whether it had one.';
