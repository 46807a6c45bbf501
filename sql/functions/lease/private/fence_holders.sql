-- Who holds the fence of a lease epoch: its writers in mode ShareLock; a takeover, pause or
-- swap in mode ExclusiveLock. See lock_holders.
create or replace function ampsync_private.fence_holders(
  p_stream_id bigint,
  p_epoch     bigint
)
  returns table (pid integer, mode text, is_ours boolean, is_mortal boolean)
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select h.pid, h.mode, h.is_ours, h.is_mortal
    from ampsync_private.lock_holders(ampsync_private.fence_key(p_stream_id, p_epoch)) h;
$$;

comment on function ampsync_private.fence_holders(bigint, bigint)
  is 'Backends that hold the fence of a stream and lease epoch, and in which mode.';
