-- Queues the job of a stream's indexes once more, for when the session that builds others may be
-- done. Locks: rows of graphile_worker.
create or replace function ampsync_worker.defer_index(
  p_stream_id bigint
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select ampsync_private.commit_async();

  select ampsync_private.schedule_index(p_stream_id, ampsync_private.now() + interval '10 s')
   where ampsync_private.indexes_are_due(p_stream_id);
$$;

comment on function ampsync_worker.defer_index(bigint)
  is 'Look for the indexes of a stream again in 10 s.';
