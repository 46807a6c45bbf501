-- Ends a pass of an HTTP source that has nothing to do for now, without an attempt that failed. What
-- becomes of the source follows from what is stored, so that a pass whose end was lost is ended by the
-- next one in the same way:
--
--   a part is not done   it rests until p_due, for instance because the API's rate limit is used up, and
--                        p_error says why; the state stays, but `retrying` without an error is over:
--                        `backfill`
--   a run is due         the next pass begins it at once: somebody asked for it meanwhile
--   with `every`         the run is over: `live`, and the next one is due then: when it was already, else
--                        at p_due, else one `every` from now
--   without              the run is over: `complete`
--
-- Called by end_pass, which holds the stream row. Locks: rows of graphile_worker.
create or replace function ampsync_private.rest_source(
  p_stream ampsync_private.stream,
  p_error  jsonb,
  p_due    timestamptz
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     constant timestamptz := ampsync_private.now();
  v_is_over constant boolean := ampsync_private.run_is_over(p_stream.stream_id);
  v_every   double precision;
  v_state   text;
  v_due     timestamptz;
begin
  if not v_is_over or p_stream.run_due <= v_now then
    v_state := case when p_stream.state = 'retrying' and not v_is_over and p_error is null then 'backfill'
                    else p_stream.state end;
    update ampsync_private.stream s
       set state      = v_state,
           since      = case when s.state = v_state then s.since else v_now end,
           next_retry = case when not v_is_over then p_due end,
           error      = case when not v_is_over then p_error end
     where s.stream_id = p_stream.stream_id;
    perform ampsync_private.schedule_stream(p_stream.stream_id, case when not v_is_over then p_due end);
    return;
  end if;

  select (ampsync_private.full_source(d.definition) ->> 'every_ms')::double precision into v_every
    from ampsync_private.dataset d
   where d.dataset_id = p_stream.dataset_id;
  v_state := case when v_every is null then 'complete' else 'live' end;
  v_due := case when v_every is not null
                then coalesce(p_stream.run_due, p_due, v_now + make_interval(secs => v_every / 1000)) end;
  update ampsync_private.stream s
     set state        = v_state,
         since        = case when s.state = v_state then s.since else v_now end,
         run_due      = v_due,
         next_retry   = v_due,
         attempts     = 0,
         deaths       = 0,
         error        = null,
         load_started = null,
         load_from    = null
   where s.stream_id = p_stream.stream_id;
  if p_stream.run_due is null then -- Otherwise it was over before: this pass had nothing to do.
    perform ampsync_private.journal(p_stream.stream_id, 'run_finished', jsonb_build_object(
              'run', r.run, 'pages', r.pages, 'records', r.records, 'next_run', v_due))
       from (select max(p.run) as run, sum(p.pages) as pages, sum(p.records) as records
               from ampsync_private.part p
              where p.stream_id = p_stream.stream_id) r
      where v_state <> p_stream.state
         or r.records > 0 and v_every >= 60000; -- Not each of many short polls.
  end if;
  if v_due is not null then
    perform ampsync_private.schedule_stream(p_stream.stream_id, v_due);
  end if;
end;
$$;

comment on function ampsync_private.rest_source(ampsync_private.stream, jsonb, timestamptz)
  is 'End a pass of an HTTP source that has nothing to do for now.';
