-- A client connects to a gateway. It is bound to the subject of its first token (another one: SY415); a session that
-- it has elsewhere ends, by the generation, which rises with each opening. Then the log is seen to be that of this
-- start of the server (check_epoch), and what the client says of itself is compared with it: for each shape whether
-- the log goes on from there.
--
-- p_token  {"sub", "iat", "claims", "tenant"}, of a token that the gateway has verified
-- p_hello  see read_hello: what the client said
--
-- Returns {"generation", "epoch", "head", "now", "schema", "last_seq", "unknown", "passed", "definitions", "phase",
-- "replaced", "limits", "shapes", "position", "blocks"}; for shapes see judge_shapes. definitions is read first: it is
-- never newer than what the answer was made with. Of the transactions that the client awaits unknown are those that the
-- ledger does not have, passed those that lie at or below its position, as where it had none of their tables when they
-- came by.
--
-- Errors: SY105, SY411, SY415, SY416. Locks, 2 s at most (55P03): the client row, then, where an epoch begins, the
-- log lock.
create or replace function ampsync_worker.open_session(
  p_gateway uuid,
  p_client  uuid,
  p_token   jsonb,
  p_hello   jsonb
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
declare
  v_now         timestamptz := ampsync_private.now();
  v_hello       record := ampsync_private.read_hello(p_hello);
  v_tenant      text := left(p_token ->> 'tenant', 200);
  v_client      ampsync_private.client;
  v_session     ampsync_private.session;
  v_epoch       uuid;
  v_definitions text;
  v_shapes      jsonb;
begin
  perform ampsync_private.check_token(p_token);
  insert into ampsync_private.client (client_id, subject, tenant, first_seen, seen_at)
  values (p_client, p_token ->> 'sub', v_tenant, v_now, v_now)
  on conflict (client_id) do nothing;
  select * into v_client
    from ampsync_private.client c
   where c.client_id = p_client
     for no key update;
  perform ampsync_private.check_subject(v_client, p_token);
  perform ampsync_private.check_tenant(v_tenant, p_client);

  select * into v_session from ampsync_private.session s where s.client_id = p_client;
  insert into ampsync_private.session (client_id, generation, gateway_id, connected_at, seen_at, shapes)
  values (p_client, v_client.generation + 1, p_gateway, v_now, v_now, '[]')
  on conflict (client_id) do update
     set generation = excluded.generation, gateway_id = excluded.gateway_id, connected_at = v_now, seen_at = v_now,
         shapes = '[]', sent = null, acked = null, buffered = 0, unacked = 0, frames = 0, bytes = 0, rate = null;
  if v_session.client_id is not null then
    perform ampsync_private.tell_gateways(jsonb_build_object(
              'client', p_client, 'generation', v_session.generation::text, 'gateway', v_session.gateway_id,
              'why', 'replaced'));
  end if;
  v_epoch := ampsync_private.check_epoch(); -- The last thing that is waited for.

  v_definitions := ampsync_private.definitions_stamp();
  v_shapes := ampsync_private.judge_shapes(p_client, p_token -> 'claims', p_hello, v_client.phase = 'reset', false);
  update ampsync_private.client c
     set generation     = c.generation + 1,
         tenant         = v_tenant,
         agent          = v_hello.agent,
         schema_version = v_hello.schema,
         epoch          = v_hello.epoch,
         position       = v_hello."position",
         blocks         = v_hello.blocks,
         seen_at        = v_now,
         phase          = case when c.phase in ('new', 'reset') or v_shapes @? '$[*] ? (@.mode == "load")'
                                 then ampsync_private.next_phase(c.phase, 'loading') else c.phase end
   where c.client_id = p_client
  returning * into v_client;
  update ampsync_private.session s set shapes = v_shapes where s.client_id = p_client;

  return jsonb_build_object(
    'generation', v_client.generation::text, 'epoch', v_epoch, 'head', ampsync_private.log_head()::text,
    'now', ampsync_private.utc_text(v_now), 'schema', ampsync_private.present_version(),
    'last_seq', v_client.last_seq::text, 'definitions', v_definitions, 'phase', v_client.phase,
    'replaced', v_session.gateway_id, 'shapes', v_shapes,
    'position', v_client.position::text, 'blocks', v_client.blocks::text,
    'limits', ampsync_private.limits_of(v_tenant),
    'passed', (select coalesce(jsonb_agg(t.client_tx order by t.position), '[]')
                 from ampsync_private.change_tx t
                where t.client_id::text = p_client::text
                  and t.client_id is not null -- As the index has it.
                  and t.position <= v_hello."position"
                  and t.client_tx = any (v_hello.awaiting)
                  and v_hello.awaiting <> '{}'),
    'unknown', (select coalesce(jsonb_agg(a.tx), '[]')
                  from unnest(v_hello.awaiting) a(tx)
                 where not exists (select from ampsync_private.client_tx t
                                    where t.client_id = p_client and t.tx = a.tx)));
end;
$$;

comment on function ampsync_worker.open_session(uuid, uuid, jsonb, jsonb)
  is 'A client connects to a gateway: ends its session elsewhere, and says what it resumes and loads.';
