-- Removes the session of a client and tells its gateway why; returns whether there was one. A gateway that does not
-- hear of it sees with its next heartbeat that the row is gone. The caller holds the client row.
create or replace function ampsync_private.end_session(
  p_client_id uuid,
  p_why       text
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_session ampsync_private.session;
begin
  delete from ampsync_private.session s
   where s.client_id = p_client_id
  returning * into v_session;
  if v_session.client_id is null then
    return false;
  end if;
  perform ampsync_private.tell_gateways(jsonb_build_object(
            'client', p_client_id, 'generation', v_session.generation::text, 'gateway', v_session.gateway_id,
            'why', p_why));
  return true;
end;
$$;

comment on function ampsync_private.end_session(uuid, text)
  is 'Remove the session of a client and tell its gateway why.';
