-- Whether a worker leaves a stream to another one: it holds its share already, and another holds
-- less than its own. The stream is queued for a second later. After ten seconds of that nobody
-- else seems to be able to take it: then this worker does.
--
-- Locks: lease row, a row of graphile_worker.
create or replace function ampsync_private.leaves_to_others(
  p_stream_id bigint,
  p_worker_id text
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
  if not coalesce((select bool_or(h.worker_id = p_worker_id and h.held >= ceil(h.share))
                          and bool_or(h.worker_id <> p_worker_id and h.held < floor(h.share))
                     from ampsync_private.sharing() h), false) then
    update ampsync_private.lease l
       set declined_since = null
     where l.stream_id = p_stream_id and l.declined_since is not null;
    return false;
  end if;

  update ampsync_private.lease l
     set declined_since = case when l.declined_since > v_now - interval '15 s' then l.declined_since else v_now end
   where l.stream_id = p_stream_id
  returning l.declined_since into v_since;
  if v_since <= v_now - interval '10 s' then
    return false;
  end if;
  perform ampsync_private.schedule_stream(p_stream_id, v_now + interval '1 s');
  return true;
end;
$$;

comment on function ampsync_private.leaves_to_others(bigint, text)
  is 'Whether a worker that holds its share leaves a stream to another one; queues its next pass then.';
