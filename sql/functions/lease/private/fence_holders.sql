-- Who holds the fence of a lease epoch: its writers in mode ShareLock; a takeover, pause or
-- swap in mode ExclusiveLock. Everybody can read pg_locks, and it is right behind connection
-- poolers too, where a stored pid would not be.
--
-- is_ours    its role may call what writers call. Anybody can take an advisory lock, and our
--            keys can be computed
-- is_mortal  this session may end it
create or replace function ampsync_private.fence_holders(
  p_stream_id bigint,
  p_epoch     bigint
)
  returns table (pid integer, mode text, is_ours boolean, is_mortal boolean)
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select k.pid, k.mode,
         coalesce(has_schema_privilege(a.usesysid, 'ampsync_worker', 'usage'), false),
         coalesce(pg_has_role(a.usesysid, 'usage'), false)
    from ampsync_private.fence_key(p_stream_id, p_epoch) f(key)
    join pg_locks k
      on k.classid::bigint = ((f.key >> 32) & 4294967295)
     and k.objid::bigint = (f.key & 4294967295)
    left join pg_stat_activity a using (pid)
   where k.locktype = 'advisory' and k.objsubid = 1 and k.granted
     and k.database = (select d.oid from pg_database d where d.datname = current_database());
$$;

comment on function ampsync_private.fence_holders(bigint, bigint)
  is 'Backends that hold the fence of a stream and lease epoch, and in which mode.';
