-- Has the next pass of an HTTP source begin at once, where none is under way, and a run with it, where
-- the last one is over and p_run says so. One that is `complete` is `retrying` then. Without effect
-- on a source that rests because somebody has to decide: paused or failed.
--
-- A run that ends at this moment is followed by that run: end_pass waits for the stream row, and
-- finds it due. If it came first, the lease is free by now.
--
-- Locks: stream row, rows of graphile_worker.
create or replace function ampsync_private.wake_source(
  p_stream_id bigint,
  p_run       boolean
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform 1 from ampsync_private.stream s where s.stream_id = p_stream_id for no key update;

  update ampsync_private.stream s
     set run_due = ampsync_private.now()
   where s.stream_id = p_stream_id
     and p_run
     and ampsync_private.run_is_over(p_stream_id);

  update ampsync_private.stream s
     set state = 'retrying', since = ampsync_private.now(), attempts = 0, deaths = 0,
         load_started = null, load_from = null
   where s.stream_id = p_stream_id
     and s.state = 'complete'
     and p_run;

  update ampsync_private.stream s
     set next_retry = null
   where s.stream_id = p_stream_id
     and not ampsync_private.is_halted(s.state);
  if found and exists (select 1
                         from ampsync_private.lease l
                        where l.stream_id = p_stream_id
                          and coalesce(l.lease_until <= ampsync_private.now(), true)) then
    perform ampsync_private.schedule_stream(p_stream_id);
  end if;
end;
$$;

comment on function ampsync_private.wake_source(bigint, boolean)
  is 'Have the next pass of an HTTP source begin at once, and with it a run, if the last one is over.';
