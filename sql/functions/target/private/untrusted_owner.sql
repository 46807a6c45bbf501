-- The owner of a schema if it must not decide what we write into; null otherwise. The owner of
-- a schema can put another table in the place of a target, and the owner of a table can have it
-- run code as the role that writes to it.
--
-- Trusted are our own role, the roles whose rights it has, the owner of the database, superusers,
-- the owner of ampsync, whose functions we run anyway, and ampsync_worker, which owns targets. A
-- superuser "has" every role, so for it membership says nothing.
create or replace function ampsync_private.untrusted_owner(
  p_schema regnamespace
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select o.rolname
    from pg_namespace n
    join pg_roles o on o.oid = n.nspowner
    join pg_roles w on w.rolname = current_user
   where n.oid = p_schema
     and o.oid <> w.oid
     and not o.rolsuper
     and o.rolname <> 'pg_database_owner'
     and (w.rolsuper or not pg_has_role(o.oid, 'usage'))
     and not ampsync_private.is_shared_writer(o.oid)
     and not exists (select 1 from pg_namespace a where a.nspname = 'ampsync' and a.nspowner = o.oid)
     and not exists (select 1 from pg_database d where d.datname = current_database() and d.datdba = o.oid);
$$;

comment on function ampsync_private.untrusted_owner(regnamespace)
  is 'The owner of a schema if it is not trusted to hold a target; null if it is.';
