-- Ends whoever writes to a stream and keeps others from beginning to, until this
-- transaction ends: nobody can take the lease over, or commit under it. The lease
-- row itself stays free, so that heartbeats go on. Returns the current epoch;
-- null where the stream is gone.
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
    exit when v_epoch is not distinct from v_closed; -- Else a takeover came in between, whose writers we did not end.

    perform ampsync_private.end_writers(p_stream_id, v_epoch);
    v_closed := v_epoch;
  end loop;
  return v_epoch;
end;
$$;

comment on function ampsync_private.close_fence(bigint)
  is 'End the writers of a stream and let none begin until the transaction ends; returns the epoch.';
