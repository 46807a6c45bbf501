-- One row per gateway that sent a heartbeat within the last 30 s, or that the supervisor has not removed yet.
create or replace view ampsync.gateways as
select g.address,
       case when g.heartbeat_at > ampsync_private.now() - interval '30 s' then 'alive' else 'silent' end as state,
       g.tenants,
       g.clients,
       g.capacity,
       s.sessions,
       s.rate as bytes_per_s,
       g.version,
       g.started_at,
       g.heartbeat_at,
       g.gateway_id
  from ampsync_private.gateway g
 cross join lateral (select count(*) as sessions, coalesce(sum(n.rate), 0)::bigint as rate
                       from ampsync_private.session n
                      where n.gateway_id = g.gateway_id) s;

comment on view ampsync.gateways is 'One row per gateway that runs.';
comment on column ampsync.gateways.address is 'Where clients reach it, as it was told.';
comment on column ampsync.gateways.state is 'alive, or silent: no heartbeat for 30 s.';
comment on column ampsync.gateways.tenants is 'The tenants that it takes; null: all.';
comment on column ampsync.gateways.clients is 'Connections that it says it has.';
comment on column ampsync.gateways.capacity is 'Connections that it takes at most.';
comment on column ampsync.gateways.sessions is 'Sessions of clients that it has opened.';
comment on column ampsync.gateways.bytes_per_s is 'What it sent between its last two heartbeats.';
comment on column ampsync.gateways.version
  is 'Version of ampsync that it runs; that of the database: ampsync.version().';
comment on column ampsync.gateways.started_at is 'Its first heartbeat.';
comment on column ampsync.gateways.heartbeat_at is 'Its last heartbeat; every 5 s while it is alive.';
comment on column ampsync.gateways.gateway_id is 'Its id, as in ampsync.sessions.';
