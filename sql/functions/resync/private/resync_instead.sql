-- Decides what follows a reorg deeper than the history. True: the table is resynced from here
-- on, and the pass has nothing more to record. That is so under the policy `resync` of the
-- dataset; and always for a shadow, which no reader has seen yet, so that it simply starts
-- over.
--
-- The first resync within an hour starts immediately, the next ones after 1, 5 and 15 minutes:
-- a server that never honours a cursor must not be read from the beginning in an endless loop.
--
-- Locks: stream row.
create or replace function ampsync_private.resync_instead(
  p_stream_id bigint,
  p_error     jsonb
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := ampsync_private.now();
  v_live_id bigint;
  v_dataset ampsync_private.dataset;
  v_run_at  timestamptz;
begin
  select s.shadow_of into v_live_id
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  select d.* into strict v_dataset
    from ampsync_private.dataset d
    join ampsync_private.stream s using (dataset_id)
   where s.stream_id = p_stream_id;
  if v_live_id is null and v_dataset.on_deep_reorg <> 'resync' then
    return false;
  end if;

  if v_live_id is null and exists (select 1
                                     from ampsync_private.stream w
                                    where w.shadow_of = p_stream_id and ampsync_private.is_beside(w)) then
    update ampsync_private.stream s -- The upgrade loads it anyway; until then its rows stay as they are.
       set state = 'resyncing', since = v_now, attempts = 0, next_retry = null, error = null
     where s.stream_id = p_stream_id;
    perform ampsync_private.journal(p_stream_id, 'deep_reorg_resync', p_error);
    return true;
  end if;

  v_live_id := coalesce(v_live_id, p_stream_id);
  select v_now + ampsync_private.retry_delay(count(*)::integer + 1, '{0,60,300,900}') into v_run_at
    from ampsync_private.event e
   where e.event = 'deep_reorg_resync'
     and e.stream_id = v_live_id
     and e.at > v_now - interval '1 h';

  perform ampsync_private.start_shadow(v_live_id, v_run_at);
  perform ampsync_private.journal(v_live_id, 'deep_reorg_resync',
                                  p_error || jsonb_build_object('run_at', v_run_at));
  return true;
end;
$$;

comment on function ampsync_private.resync_instead(bigint, jsonb)
  is 'Answer a deep reorg with a resync, if the policy says so; false if the stream has to stop.';
