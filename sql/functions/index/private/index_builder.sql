-- The session that builds indexes of ours at the moment, or is about to; null if there is none.
-- It may have outlived its worker.
create or replace function ampsync_private.index_builder()
  returns integer
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select k.pid
      from ampsync_private.index_lock_key() f(key)
      join pg_locks k
        on k.classid::bigint = ((f.key >> 32) & 4294967295)
       and k.objid::bigint = (f.key & 4294967295)
     where k.locktype = 'advisory' and k.objsubid = 1 and k.granted
       and k.database = (select d.oid from pg_database d where d.datname = current_database())
  );
end;
$$;

comment on function ampsync_private.index_builder()
  is 'Process id of the session that builds indexes at the moment; null if there is none.';
