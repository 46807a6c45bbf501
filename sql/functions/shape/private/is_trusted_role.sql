-- Whether code of a role may run with our rights: our own role, superusers, and the owner of the database where that is
-- one of these.
create or replace function ampsync_private.is_trusted_role(
  p_role oid
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(bool_or(r.rolsuper or r.rolname = current_user), false)
    from pg_roles r
   where r.oid = case when p_role = 'pg_database_owner'::regrole
                        then (select d.datdba from pg_database d where d.datname = current_database())
                      else p_role end;
$$;

comment on function ampsync_private.is_trusted_role(oid)
  is 'Whether code of a role may run with our rights.';
