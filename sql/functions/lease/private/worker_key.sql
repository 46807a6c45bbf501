-- The advisory lock that the heartbeat session of a worker holds in shared mode.
create or replace function ampsync_private.worker_key(
  p_worker_id text
)
  returns bigint
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return hashtextextended('ampsync.worker:' || p_worker_id, 0);
end;
$$;

comment on function ampsync_private.worker_key(text)
  is 'Key of the advisory lock held by the heartbeat session of a worker.';
