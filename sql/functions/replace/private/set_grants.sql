-- Makes the grants on a table or view and its columns exactly these (grants_of). Each is made by
-- the role that made it, as far as we may act as that role; otherwise the owner makes it.
--
-- Idempotent. Locks: none on the table; its row in the catalogue.
create or replace function ampsync_private.set_grants(
  p_relation regclass,
  p_grants jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_role  text := current_setting('role');
  v_grant record;
begin
  if ampsync_private.grants_of(p_relation, '{}') = p_grants then
    return;
  end if;

  for v_grant in
    select distinct coalesce(quote_ident(g.grantee), 'public') as grantee
      from jsonb_to_recordset(ampsync_private.grants_of(p_relation, '{}')) g(grantee text)
  loop
    execute format('revoke all on %s from %s cascade', p_relation, v_grant.grantee);
  end loop;

  for v_grant in
    with recursive entry as (
      select g.*
        from jsonb_to_recordset(p_grants)
               g("column" text, privilege text, grantor text, grantee text, grantable boolean)
    ),
    holder (role, privilege, depth) as ( -- How many hands a grant option went through before.
      select pg_get_userbyid(c.relowner)::text, p.privilege, 0
        from pg_class c
       cross join (select distinct e.privilege from entry e) p
       where c.oid = p_relation
      union
      select e.grantee, e.privilege, h.depth + 1
        from holder h
        join entry e on e.grantor = h.role and e.privilege = h.privilege and e.grantable and e.grantee <> h.role
       where h.depth < 20
    )
    select e.grantor, pg_get_userbyid(c.relowner)::text as owner,
           format('grant %s%s on %s to %s%s', e.privilege, ' (' || quote_ident(e."column") || ')', p_relation,
                  coalesce(quote_ident(e.grantee), 'public'),
                  case when e.grantable then ' with grant option' end) as ddl
      from entry e
      join pg_class c on c.oid = p_relation
     order by (select min(h.depth) from holder h where h.role = e.grantor and h.privilege = e.privilege)
  loop
    if v_grant.grantor = v_grant.owner then
      execute v_grant.ddl;
    else
      begin
        perform set_config('role', v_grant.grantor, true);
        execute v_grant.ddl;
        perform set_config('role', v_role, true);
      exception when insufficient_privilege then
        execute v_grant.ddl;
      end;
    end if;
  end loop;
end;
$$;

comment on function ampsync_private.set_grants(regclass, jsonb)
  is 'Make the grants on a table or view exactly these.';
