-- Sets what the clients of a tenant may use together; null: no limit. What is left out has none. Gateways keep to it
-- from their next step on.
--
-- clients      how many may be connected at once; further ones are told to come later
-- bytes_per_s  of each gateway: beyond it sessions get what they miss from the log, page by page
-- tx_per_s     transactions that they send
create or replace function ampsync.set_tenant_limit(
  tenant      text,
  clients     integer default null,
  bytes_per_s bigint default null,
  tx_per_s    integer default null
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if set_tenant_limit.clients < 0 or set_tenant_limit.bytes_per_s < 1 or set_tenant_limit.tx_per_s < 1
     or coalesce(set_tenant_limit.tenant, '') = '' then
    raise exception using
      errcode = 'SY004',
      message = 'a tenant is needed, and limits that are positive',
      detail  = format('clients is %s, bytes_per_s is %s, tx_per_s is %s.',
                       coalesce(set_tenant_limit.clients::text, 'left out'),
                       coalesce(set_tenant_limit.bytes_per_s::text, 'left out'),
                       coalesce(set_tenant_limit.tx_per_s::text, 'left out')),
      hint    = 'select ampsync.set_tenant_limit(''acme'', clients => 1000, bytes_per_s => 10000000);';
  end if;
  insert into ampsync_private.tenant_limit (tenant, clients, bytes_per_s, tx_per_s)
  values (set_tenant_limit.tenant, set_tenant_limit.clients, set_tenant_limit.bytes_per_s, set_tenant_limit.tx_per_s)
  on conflict on constraint tenant_limit_pkey do update
     set clients = excluded.clients, bytes_per_s = excluded.bytes_per_s, tx_per_s = excluded.tx_per_s;
  perform ampsync_private.definition_changed('limits of ' || set_tenant_limit.tenant);
end;
$$;

comment on function ampsync.set_tenant_limit(text, integer, bigint, integer)
  is 'Set what the clients of a tenant may use together.';
