-- Tells gateways on the channel ampsync_gateway, once the transaction has committed: that a session ended, or what
-- became of a snapshot. One that is lost costs until the next heartbeat.
create or replace function ampsync_private.tell_gateways(
  p_message jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify('ampsync_gateway', p_message::text);
end;
$$;

comment on function ampsync_private.tell_gateways(jsonb)
  is 'Tell gateways that a session ended, or what became of a snapshot.';
