-- Whether a role is `ampsync_worker`, in a database where it may work: then it owns targets, and
-- is trusted as the login roles are that work as its members.
create or replace function ampsync_private.is_shared_writer(
  p_role oid
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select pg_get_userbyid(p_role) = 'ampsync_worker'
         and has_schema_privilege(p_role, 'ampsync_worker', 'usage'); -- Without scans: every commit may ask.
$$;

comment on function ampsync_private.is_shared_writer(oid)
  is 'Whether a role is ampsync_worker, in a database where it may work.';
