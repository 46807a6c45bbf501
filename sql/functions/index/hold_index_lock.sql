-- Takes the right to build indexes for as long as this session lasts; false while another
-- session has it. Waits for nobody. Locks: an advisory lock.
create or replace function ampsync_worker.hold_index_lock()
  returns boolean
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select pg_try_advisory_lock(ampsync_private.index_lock_key());
$$;

comment on function ampsync_worker.hold_index_lock()
  is 'Take the right to build indexes, one session at a time; false while another one has it.';
