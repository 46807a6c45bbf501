-- Whether a stream must not be read now, because of what happened to the workers that read it
-- before.
--
-- Something that a server sends can end the process that reads it, and with it the passes of
-- all other streams there. Therefore each stream counts how many workers in a row died while
-- their pass held data of it that was not committed (lease.holds). From the third one on it is
-- a suspect: retried after pauses that grow from half a minute to 15 minutes, and never at the
-- same time as another suspect of the same worker. It is cleared by a commit, by reaching the
-- head, and by ampsync.resume_sync; none of this makes it `failed`.
--
-- A suspect that has held nothing for 10 s does not keep others waiting.
--
-- True: the lease is free again, or was not taken, and a later pass is queued. Called by
-- acquire_lease, which holds the locks on the stream row and the lease row.
create or replace function ampsync_private.suspect_waits(
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
  c_deaths constant integer := 3;
  v_now    timestamptz := ampsync_private.now();
  v_stream ampsync_private.stream;
  v_lease  ampsync_private.lease;
  v_retry  timestamptz;
begin
  select * into strict v_stream from ampsync_private.stream s where s.stream_id = p_stream_id;
  select * into strict v_lease from ampsync_private.lease l where l.stream_id = p_stream_id;

  if v_lease.holder is not null and v_lease.holds and v_lease.holder <> p_worker_id
     and not exists (select from ampsync_private.worker w
                      where w.worker_id = v_lease.holder
                        and not ampsync_private.worker_is_dead(w.worker_id)
                        and w.heartbeat_at > v_now - ampsync_private.lease_duration()) then
    v_stream.deaths := v_stream.deaths + 1;
    update ampsync_private.stream s set deaths = v_stream.deaths where s.stream_id = p_stream_id;
    if v_stream.deaths >= c_deaths then
      v_retry := v_now + ampsync_private.retry_delay(v_stream.deaths - c_deaths + 1, '{30,60,120,240,480,750}');
      update ampsync_private.lease l
         set holder = null, lease_until = null, holds = false
       where l.stream_id = p_stream_id;
      update ampsync_private.stream s
         set state      = 'retrying',
             since      = case when s.state <> 'retrying' then v_now else s.since end,
             attempts   = s.attempts + 1,
             next_retry = v_retry,
             error      = jsonb_build_object(
               'code', 'SY108',
               'message', format('%s workers in a row died while they held data of this stream', v_stream.deaths),
               'detail', format('The last one was %s. The stream is retried automatically, at intervals that grow to '
                                '15 minutes; a worker retries one such stream at a time.', v_lease.holder),
               'hint', 'select * from ampsync.events order by event_id desc limit 20; '
                       '-- and look in the log of that worker: did it run out of memory?')
       where s.stream_id = p_stream_id;
      perform ampsync_private.schedule_stream(p_stream_id, v_retry);
      perform ampsync_private.journal(p_stream_id, 'stream_suspected', jsonb_build_object(
                'worker', v_lease.holder, 'deaths', v_stream.deaths, 'next_retry', v_retry));
      return true;
    end if;
  end if;

  if v_stream.deaths >= c_deaths
     and exists (select from ampsync_private.lease l
                   join ampsync_private.stream s using (stream_id)
                  where l.holder = p_worker_id
                    and l.lease_until > v_now
                    and l.stream_id <> p_stream_id
                    and s.deaths >= c_deaths
                    and (l.holds or l.acquired_at > v_now - interval '10 s')) then
    perform ampsync_private.schedule_stream(p_stream_id, v_now + interval '10 s');
    return true;
  end if;
  return false;
end;
$$;

comment on function ampsync_private.suspect_waits(bigint, text)
  is 'Count the workers that died with data of a stream; true if it has to wait, after three in a row.';
