-- Takes a stream's lease away from its holder: its writers are ended and the epoch is raised,
-- so that nothing under way can commit. For decisions that take effect immediately: pause,
-- resync, swap.
--
-- Locks: fence (exclusive), stream row, lease row.
create or replace function ampsync_private.revoke_lease(
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
begin
  perform ampsync_private.close_fence(p_stream_id);

  perform 1
     from ampsync_private.stream s
    where s.stream_id = p_stream_id
      for no key update;

  perform 1 -- As in a takeover: the lock that check_lease waits for.
     from ampsync_private.lease l
    where l.stream_id = p_stream_id
      for update;

  update ampsync_private.lease l
     set epoch = l.epoch + 1, holder = null, lease_until = null, rows_per_s = null, waits_for = null, waits_hint = null
   where l.stream_id = p_stream_id;
end;
$$;

comment on function ampsync_private.revoke_lease(bigint)
  is 'Take a stream''s lease away from its holder, immediately.';
