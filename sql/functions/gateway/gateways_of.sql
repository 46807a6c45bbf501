-- Where clients of a tenant may connect: the addresses of gateways that live, take that tenant and have room, those
-- with the most room first, five at most. Only addresses that clients can use: what a gateway was told of itself.
create or replace function ampsync_worker.gateways_of(
  p_tenant text
)
  returns text[]
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select array(
    select g.address
      from ampsync_private.gateway g
     where g.heartbeat_at > ampsync_private.now() - interval '30 s'
       and (g.tenants is null or p_tenant = any (g.tenants))
       and g.clients < g.capacity
       and g.address ~ '^(http|ws)s?://'
     group by g.address
     order by max(g.capacity - g.clients) desc, g.address
     limit 5);
$$;

comment on function ampsync_worker.gateways_of(text)
  is 'Where clients of a tenant may connect: gateways that live, take it and have room.';
