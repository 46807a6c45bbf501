-- Notes that blocks of a stream are to be fetched again, and has its next pass do it. The caller
-- has checked that this is possible, and holds the stream row (key share).
--
-- Locks: repair row; then the job of the stream.
create or replace function ampsync_private.request_repair(
  p_stream_id    bigint,
  p_first_block  bigint,
  p_last_block   bigint,
  p_accept_fewer boolean
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into ampsync_private.repair as r (stream_id, first_block, last_block, requested_at, due_at, accept_fewer)
  values (p_stream_id, p_first_block, p_last_block, ampsync_private.now(), ampsync_private.now(), p_accept_fewer)
  on conflict on constraint repair_pkey do update -- Requested again, or for more blocks.
     set last_block   = greatest(r.last_block, excluded.last_block),
         due_at       = excluded.due_at,
         accept_fewer = excluded.accept_fewer,
         error        = null;

  -- The next heartbeat asks a pass under way to yield; it then queues the next pass itself.
  perform ampsync_private.schedule_stream(l.stream_id)
     from ampsync_private.lease l
     join ampsync_private.stream s using (stream_id)
    where l.stream_id = p_stream_id
      and coalesce(l.lease_until <= ampsync_private.now(), true)
      and not ampsync_private.is_halted(s.state);

  perform ampsync_private.journal(p_stream_id, 'repair_requested',
            jsonb_build_object('from_block', p_first_block, 'to_block', p_last_block, 'accept_fewer', p_accept_fewer));
end;
$$;

comment on function ampsync_private.request_repair(bigint, bigint, bigint, boolean)
  is 'Note that blocks of a stream are to be fetched again, and have its next pass do it.';
