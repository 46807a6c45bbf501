-- A session ends: where the client stands is noted a last time, as in report_sessions, whose answer about it is
-- returned, and its row goes. Nothing happens to a later session of the same client.
create or replace function ampsync_worker.close_session(
  p_gateway    uuid,
  p_client     uuid,
  p_generation bigint,
  p_state      jsonb default '{}'
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
begin
  perform 1 from ampsync_private.client c where c.client_id = p_client for no key update;
  perform ampsync_worker.report_sessions(p_gateway, jsonb_build_array(
            p_state || jsonb_build_object('client', p_client, 'generation', p_generation)));
  delete from ampsync_private.session s
   where s.client_id = p_client
     and s.generation = p_generation
     and s.gateway_id = p_gateway;
end;
$$;

comment on function ampsync_worker.close_session(uuid, uuid, bigint, jsonb)
  is 'A session ends: notes where the client stands, and removes its row.';
