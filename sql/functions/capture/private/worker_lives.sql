-- Whether a worker is heard: it has sent a heartbeat in the time of a lease, and nobody found it dead.
create or replace function ampsync_private.worker_lives(
  p_worker_id text
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select 1
                   from ampsync_private.worker w
                  where w.worker_id = p_worker_id
                    and w.heartbeat_at > ampsync_private.now() - ampsync_private.lease_duration())
     and not ampsync_private.worker_is_dead(p_worker_id);
end;
$$;

comment on function ampsync_private.worker_lives(text)
  is 'Whether a worker has sent a heartbeat lately, and was not found dead.';
