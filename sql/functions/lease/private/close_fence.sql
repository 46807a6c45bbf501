-- Ends the writers of a stream and keeps others from starting until this transaction ends:
-- nobody can take over the lease, or commit under it. The lease row itself stays unlocked, so
-- that heartbeats continue. Returns the current epoch; null when the stream is gone.
--
-- Locks: fence (exclusive).
create or replace function ampsync_private.close_fence(
  p_stream_id bigint
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_epoch  bigint;
  v_closed bigint;
begin
  loop
    select l.epoch into v_epoch
      from ampsync_private.lease l
     where l.stream_id = p_stream_id;
    exit when v_epoch is not distinct from v_closed; -- Otherwise a takeover came first, with writers of its own.

    perform ampsync_private.end_writers(p_stream_id, v_epoch);
    v_closed := v_epoch;
  end loop;
  return v_epoch;
end;
$$;

comment on function ampsync_private.close_fence(bigint)
  is 'End the writers of a stream and admit none until the transaction ends; returns the epoch.';
