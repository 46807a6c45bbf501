-- The role that owns what this session makes: targets, their schemas, views of checkpoints. It is
-- the session's own role, as everything else. Only a login role that works as a member of
-- `ampsync_worker`, and not with the rights of the owner of ampsync, hands over what it makes to
-- that role, so that all such login roles can write it.
create or replace function ampsync_private.writer()
  returns name
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((select w.rolname
                     from pg_roles w
                     join pg_roles u on u.rolname = current_user
                     join pg_namespace n on n.nspname = 'ampsync'
                    where w.rolname = 'ampsync_worker'
                      and not u.rolsuper -- It "has" every role.
                      and pg_has_role(w.oid, 'usage')
                      and not pg_has_role(n.nspowner, 'usage')), current_user);
$$;

comment on function ampsync_private.writer()
  is 'The role that owns what this session makes: ampsync_worker for its members, else the session''s own.';
