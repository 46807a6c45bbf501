-- Begins work under a lease: takes the fence of its epoch, and fails immediately if the lease
-- is not current. If somebody else entirely holds the fence, says who.
--
-- Locks: fence (shared).
create or replace procedure ampsync_private.enter_fence(
  p_stream_id bigint,
  p_epoch     bigint
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not pg_try_advisory_xact_lock_shared(ampsync_private.fence_key(p_stream_id, p_epoch)) then
    perform ampsync_private.raise_stranger(p_stream_id, p_epoch);
    call ampsync_private.raise_lease_lost(p_stream_id, p_epoch);
  end if;

  perform 1
     from ampsync_private.lease l
    where l.stream_id = p_stream_id
      and l.epoch = p_epoch
      and l.lease_until > ampsync_private.now();
  if not found then
    call ampsync_private.raise_lease_lost(p_stream_id, p_epoch);
  end if;
end;
$$;

comment on procedure ampsync_private.enter_fence(bigint, bigint)
  is 'Take the fence of a lease epoch; SY001 unless the lease is current, 55P03 if a stranger holds it.';
