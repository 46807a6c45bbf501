-- Registers a worker when it starts: where it runs, and that it is alive. Its heartbeats may
-- come before and after. `p_slots`: how many streams it takes at once; 0 when it is told to stop,
-- so that others leave it none (sharing). Idempotent. Locks: its own row.
create or replace function ampsync_worker.register_worker(
  p_worker_id text,
  p_host      text,
  p_pid       integer,
  p_version   text,
  p_slots     integer
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  insert into ampsync_private.worker as w (worker_id, started_at, heartbeat_at, host, pid, version, slots)
  values (p_worker_id, ampsync_private.now(), ampsync_private.now(), p_host, p_pid, p_version, p_slots)
  on conflict (worker_id) do update -- A heartbeat came first.
     set host = excluded.host, pid = excluded.pid, version = excluded.version, slots = excluded.slots;
$$;

comment on function ampsync_worker.register_worker(text, text, integer, text, integer)
  is 'Register a worker: where it runs, its version and its slots.';
