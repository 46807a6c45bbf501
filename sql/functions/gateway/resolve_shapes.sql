-- The shapes of a session that is open, anew: it subscribed, its token was renewed, or a definition changed. As
-- open_session judges them, by p_hello, which says where the session stands and all that it asks for; a shape with
-- "load": "<reason>" is loaded for that reason, and the load of one with "loads": true is under way.
--
-- Returns {"definitions", "head", "epoch", "schema", "shapes", "limits"}.
--
-- Errors: SY001 where the client's session is another one by now; SY105, SY411, SY415, SY416. Locks, 2 s at most: the
-- row of the session, and that of the client where a table is loaded for its size.
create or replace function ampsync_worker.resolve_shapes(
  p_client     uuid,
  p_generation bigint,
  p_token      jsonb,
  p_hello      jsonb
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
declare
  v_client      ampsync_private.client;
  v_definitions text := ampsync_private.definitions_stamp();
  v_shapes      jsonb;
begin
  perform ampsync_private.check_token(p_token);
  select * into v_client from ampsync_private.client c where c.client_id = p_client;
  if v_client.generation is distinct from p_generation then
    raise exception using
      errcode = 'SY001',
      message = format('client %s has another session', p_client),
      detail  = format('This is session %s, the newest is %s.', p_generation,
                       coalesce(v_client.generation::text, 'none')),
      hint    = format('select * from ampsync.sessions where client_id = %L;', p_client);
  end if;
  perform ampsync_private.check_subject(v_client, p_token);

  v_shapes := ampsync_private.judge_shapes(p_client, p_token -> 'claims', p_hello, false, true);
  update ampsync_private.session s
     set shapes = v_shapes
   where s.client_id = p_client
     and s.generation = p_generation
     and s.shapes <> v_shapes;
  return jsonb_build_object(
    'definitions', v_definitions, 'head', ampsync_private.log_head()::text,
    'epoch', (select e.epoch from ampsync_private.log_epoch e order by e.number desc limit 1),
    'schema', ampsync_private.present_version(), 'shapes', v_shapes,
    'limits', ampsync_private.limits_of(v_client.tenant));
end;
$$;

comment on function ampsync_worker.resolve_shapes(uuid, bigint, jsonb, jsonb)
  is 'The shapes of an open session, anew: what resumes, what is to be loaded, what is refused.';
