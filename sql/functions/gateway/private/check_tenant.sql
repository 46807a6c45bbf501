-- Refuses (SY416) one more session of a tenant that has as many as it may. Two that come at once may both be let in.
create or replace function ampsync_private.check_tenant(
  p_tenant    text,
  p_client_id uuid
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit integer := (select l.clients from ampsync_private.tenant_limit l where l.tenant = p_tenant);
  v_count bigint;
begin
  if v_limit is null then
    return;
  end if;
  select count(*) into v_count
    from ampsync_private.session s
    join ampsync_private.client c using (client_id)
   where c.tenant = p_tenant
     and c.client_id <> p_client_id;
  if v_count >= v_limit then
    raise exception using
      errcode = 'SY416',
      message = format('tenant %s has as many clients connected as it may', left(p_tenant, 100)),
      detail  = format('%s are connected, %s may be.', v_count, v_limit),
      hint    = format('select ampsync.set_tenant_limit(%L, clients => %s);', left(p_tenant, 100), v_limit + 1);
  end if;
end;
$$;

comment on function ampsync_private.check_tenant(text, uuid)
  is 'Refuse one more session of a tenant that has as many as it may.';
