-- The limits of a tenant that gateways keep: {"bytes_per_s", "tx_per_s"}; null: none.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.limits_of(
  p_tenant text
)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object('bytes_per_s', l.bytes_per_s::text, 'tx_per_s', l.tx_per_s)
      from (select 1) once
      left join ampsync_private.tenant_limit l on l.tenant = p_tenant);
end;
$$;

comment on function ampsync_private.limits_of(text)
  is 'The limits of a tenant that gateways keep.';
