-- Ends the build of an index on one of these tables, so that a stronger lock on them can be had
-- at once: whoever is about to lock or drop a target calls it first. Waits up to 5 s until the
-- session is gone. The index stays invalid until it is built again, or dropped with its table.
--
-- A build that begins after this call gives way by itself within half a second
-- (yield_index_build). Without the right to end the session the build is left alone.
--
-- Locks: none.
create or replace function ampsync_private.end_index_builds(
  p_tables oid[]
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_terminate_backend(b.pid, 5000)
     from (select ampsync_private.index_builder() as pid) b
    where exists (select 1
                    from pg_locks l
                   where l.pid = b.pid and l.locktype = 'relation' and l.relation = any (p_tables)
                     and l.database = (select d.oid from pg_database d where d.datname = current_database()));
exception when insufficient_privilege then
  null;
end;
$$;

comment on function ampsync_private.end_index_builds(oid[])
  is 'End the build of an index on one of these tables, before they are locked.';
