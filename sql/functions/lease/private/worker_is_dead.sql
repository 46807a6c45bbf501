-- Whether a worker was found dead (ampsync_worker.find_dead_workers) and has not come back: one
-- that lost its heartbeat session for a second, and connected again, keeps its leases.
create or replace function ampsync_private.worker_is_dead(
  p_worker_id text
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select 1
      from ampsync_private.worker w
     where w.worker_id = p_worker_id
       and w.lost_at is not null
       and not ampsync_private.worker_is_connected(w.worker_id)
  );
end;
$$;

comment on function ampsync_private.worker_is_dead(text)
  is 'Whether a worker was found dead, and its heartbeat session does not exist.';
