-- What the owner of ampsync, as whom the functions for people run, lacks where workers have roles
-- of their own: the rights of the role that owns the targets, and that to end their sessions.
create or replace function ampsync_private.diagnose_roles()
  returns table (severity text, subject text, finding text, fix text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select 'error', format('role %I', current_user),
         format('functions of ampsync run as it, and it has not the rights of %I, which owns %s tables of datasets',
                r.rolname, count(*)),
         format('grant %I to %I;', r.rolname, current_user)
    from ampsync_private.stream s
    join pg_class c on c.oid = s.target
    join pg_roles r on r.oid = c.relowner
   where ampsync_private.is_shared_writer(r.oid)
     and not pg_has_role(r.oid, 'usage')
   group by r.rolname
   union all
  select 'warning', format('role %I', current_user),
         format('functions of ampsync run as it, and it may not end sessions of workers of role %I, should one freeze',
                r.rolname),
         format('grant pg_signal_backend to %I;', current_user)
    from (select distinct a.usesysid from pg_stat_activity a where a.datname = current_database()) a
    join pg_roles r on r.oid = a.usesysid
    join pg_roles w on ampsync_private.is_shared_writer(w.oid)
   where not r.rolsuper
     and pg_has_role(r.oid, w.oid, 'usage')
     and not pg_has_role(r.oid, 'usage')
     and not pg_has_role('pg_signal_backend', 'usage');
$$;

comment on function ampsync_private.diagnose_roles()
  is 'Findings about what the owner of ampsync may not do with tables and sessions of workers.';
