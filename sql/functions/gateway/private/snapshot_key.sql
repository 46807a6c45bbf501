-- The advisory lock that the session of a job holds which makes a snapshot.
create or replace function ampsync_private.snapshot_key(
  p_snapshot_id uuid
)
  returns bigint
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select hashtextextended('ampsync.snapshot:' || p_snapshot_id, 0);
$$;

comment on function ampsync_private.snapshot_key(uuid)
  is 'Key of the advisory lock held by the session of the job that makes a snapshot.';
