-- Queues snapshots again whose job died, or has worked for longer than it may: their chunks go, and what an older job
-- still stores is refused by its attempt. Returns how many.
--
-- Locks: rows of snapshots that are free.
create or replace function ampsync_private.free_snapshots()
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_freed integer;
begin
  with dead as materialized (
    select s.snapshot_id
      from ampsync_private.snapshot s
      join ampsync_private.snapshot_key(s.snapshot_id) k(key) on true
     where s.state = 'building'
       and (s.taken_at < ampsync_private.now() - interval '15 minutes'
            or not exists (
                 select 1
                   from pg_locks l
                  where l.locktype = 'advisory' and l.objsubid = 1 and l.granted and l.mode = 'ExclusiveLock'
                    and l.classid::bigint = ((k.key >> 32) & 4294967295)
                    and l.objid::bigint = (k.key & 4294967295)
                    and l.database = (select d.oid from pg_database d where d.datname = current_database())))
       for no key update of s skip locked
  ), emptied as (
    delete from ampsync_private.snapshot_chunk c
     using dead d
     where c.snapshot_id = d.snapshot_id
  )
  update ampsync_private.snapshot s
     set state = 'queued'
    from dead d
   where s.snapshot_id = d.snapshot_id;
  get diagnostics v_freed = row_count;
  return v_freed;
end;
$$;

comment on function ampsync_private.free_snapshots()
  is 'Queue snapshots again whose job died.';
