-- Where the log stands in the database snapshot that a snapshot is read in: p_point, of log_point. SY001 where
-- another job has the snapshot by now.
create or replace function ampsync_worker.place_snapshot(
  p_snapshot uuid,
  p_attempt  integer,
  p_point    jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform ampsync_private.check_attempt(p_snapshot, p_attempt);
  update ampsync_private.snapshot s
     set epoch          = (p_point ->> 'epoch')::uuid,
         position       = (p_point ->> 'position')::bigint,
         stamp          = (p_point ->> 'stamp')::bigint,
         lsn            = (p_point ->> 'lsn')::pg_lsn,
         visible        = (p_point ->> 'visible')::pg_snapshot,
         schema_version = p_point ->> 'schema'
   where s.snapshot_id = p_snapshot;
end;
$$;

comment on function ampsync_worker.place_snapshot(uuid, integer, jsonb)
  is 'Where the log stands in the database snapshot that a snapshot is read in.';
