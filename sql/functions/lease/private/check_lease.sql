-- Refuses to commit under a lease that is no longer current. The last statement of every
-- transaction that writes to a target.
--
-- Locks: lease row. KEY SHARE is enough: epochs change under a stronger lock, while
-- heartbeats go on, even while COMMIT waits for a standby (docs/adr/0013).
create or replace procedure ampsync_private.check_lease(
  p_stream_id bigint,
  p_epoch     bigint
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform 1
     from ampsync_private.lease l
    where l.stream_id = p_stream_id
      and l.epoch = p_epoch
      for key share;
  if not found then
    call ampsync_private.raise_lease_lost(p_stream_id, p_epoch);
  end if;
end;
$$;

comment on procedure ampsync_private.check_lease(bigint, bigint)
  is 'Last check of a writing transaction: SY001 unless the lease is current, under its row lock.';
