-- Makes a client load everything anew: its session ends, and when it connects the next time nothing of what it has is
-- resumed. Its own changes that are not sent yet stay. Nothing happens to a client that does not exist (SY004).
--
-- Locks, 2 s at most: the client row, then its session.
create or replace function ampsync.reset_client(
  client uuid,
  reason text default null
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
declare
  v_client ampsync_private.client;
begin
  select * into v_client
    from ampsync_private.client c
   where c.client_id = reset_client.client
     for no key update;
  perform ampsync_private.check_client(reset_client.client, v_client.client_id is not null);
  update ampsync_private.client c
     set phase = ampsync_private.next_phase(c.phase, 'reset')
   where c.client_id = v_client.client_id;
  perform ampsync_private.end_session(v_client.client_id, 'reset');
  perform ampsync_private.journal(null, 'client_reset', jsonb_build_object(
            'client', v_client.client_id, 'reason', reset_client.reason));
end;
$$;

comment on function ampsync.reset_client(uuid, text)
  is 'Make a client load everything anew when it connects the next time; its session ends.';
