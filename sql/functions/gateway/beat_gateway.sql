-- The heartbeat of a gateway, every 5 s: a statement of its own, before that of its sessions.
--
-- p_info  {"address", "version", "tenants", "clients", "capacity"}: where clients reach it, how many it has and may
--         have
create or replace function ampsync_worker.beat_gateway(
  p_gateway uuid,
  p_info    jsonb
)
  returns void
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
  insert into ampsync_private.gateway as g
         (gateway_id, address, version, tenants, started_at, heartbeat_at, clients, capacity)
  select p_gateway, left(p_info ->> 'address', 500), left(p_info ->> 'version', 100),
         case jsonb_typeof(p_info -> 'tenants')
           when 'array' then array(select t.name from jsonb_array_elements_text(p_info -> 'tenants') t(name)) end,
         ampsync_private.now(), ampsync_private.now(), (p_info ->> 'clients')::integer, (p_info ->> 'capacity')::integer
  on conflict (gateway_id) do update
     set address = excluded.address, version = excluded.version, tenants = excluded.tenants,
         heartbeat_at = excluded.heartbeat_at, clients = excluded.clients, capacity = excluded.capacity;
$$;

comment on function ampsync_worker.beat_gateway(uuid, jsonb)
  is 'The heartbeat of a gateway: where it is, how many clients it has and may have.';
