-- Of the sessions of a gateway those that are to be closed, and why, and those whose client somebody holds: see
-- report_sessions.
--
-- p_held  clients whose rows the caller holds
create or replace function ampsync_private.sessions_to_close(
  p_gateway  uuid,
  p_sessions jsonb,
  p_held     uuid[]
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(jsonb_build_object('client', e.client, 'why', e.why) order by e.client), '[]')
    from (select g.client,
                 case when c.generation > g.generation then 'replaced'
                      when g.over and s.client_id is null then null
                      when g.over is not true and ampsync_private.revoked_at(c.subject, g.iat) is not null
                        then 'revoked'
                      when g.over is not true and c.phase = 'reset' then 'reset'
                      when s.client_id is null then 'ended'
                      when g.same is not true and not g.client = any (p_held) then 'held' end as why
            from jsonb_to_recordset(p_sessions) g(client uuid, generation bigint, iat jsonb, over boolean, same boolean)
            left join ampsync_private.client c on c.client_id = g.client
            left join ampsync_private.session s
                   on s.client_id = g.client and s.generation = g.generation and s.gateway_id = p_gateway) e
   where e.why is not null;
$$;

comment on function ampsync_private.sessions_to_close(uuid, jsonb, uuid[])
  is 'Of the sessions of a gateway those that are to be closed, and why, and those whose client somebody holds.';
