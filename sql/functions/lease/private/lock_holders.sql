-- Who holds an advisory lock, and in which mode: of a fence or of a swap, those who work in mode
-- ShareLock; those who decide, a takeover or a pause, in mode ExclusiveLock. Everybody can read
-- pg_locks, and it is right behind connection poolers too, where a stored pid would not be.
--
-- is_ours    its role may call what workers call, or decide about syncs. Anybody can take an advisory
--            lock, and our keys can be computed
-- is_mortal  this session may end it: it has the rights of its role, or those of pg_signal_backend
create or replace function ampsync_private.lock_holders(
  p_key bigint
)
  returns table (pid integer, mode text, is_ours boolean, is_mortal boolean)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
    select k.pid, k.mode,
           coalesce(has_schema_privilege(a.usesysid, 'ampsync_worker', 'usage')
                    or exists (select from pg_proc p
                                where p.proname = 'pause_sync' and p.pronamespace = n.oid
                                  and has_function_privilege(a.usesysid, p.oid, 'execute')), false),
           coalesce(pg_has_role(a.usesysid, 'usage') or pg_has_role('pg_signal_backend', 'usage') and not r.rolsuper,
                    false)
      from pg_locks k
      left join pg_stat_activity a using (pid)
      left join pg_roles r on r.oid = a.usesysid
      left join pg_namespace n on n.nspname = 'ampsync'
     where k.classid::bigint = ((p_key >> 32) & 4294967295)
       and k.objid::bigint = (p_key & 4294967295)
       and k.locktype = 'advisory' and k.objsubid = 1 and k.granted
       and k.database = (select d.oid from pg_database d where d.datname = current_database());
end;
$$;

comment on function ampsync_private.lock_holders(bigint)
  is 'Backends that hold an advisory lock, and in which mode.';
