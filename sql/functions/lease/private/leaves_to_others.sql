-- Whether a stream is left to another worker now, by one that gives way (gives_way): its next pass
-- is then queued for a second later. After ten seconds of that nobody else seems to be able to
-- take the stream: then this worker does.
--
-- Writes only where the answer is true: the caller goes on to take the fence and the stream row,
-- which come before the lease row.
--
-- Locks: lease row, a row of graphile_worker.
create or replace function ampsync_private.leaves_to_others(
  p_stream_id bigint
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   timestamptz := ampsync_private.now();
  v_since timestamptz;
begin
  select l.declined_since into v_since from ampsync_private.lease l where l.stream_id = p_stream_id;
  if v_since between v_now - interval '1 min' and v_now - interval '10 s' then
    return false;
  end if;

  update ampsync_private.lease l -- What is older, or lies ahead of a clock that was set back, says nothing.
     set declined_since = v_now
   where l.stream_id = p_stream_id
     and (l.declined_since between v_now - interval '10 s' and v_now) is not true;
  perform ampsync_private.schedule_stream(p_stream_id, v_now + interval '1 s');
  return true;
end;
$$;

comment on function ampsync_private.leaves_to_others(bigint)
  is 'Whether a worker that gives way leaves a stream to others; queues its next pass then.';
