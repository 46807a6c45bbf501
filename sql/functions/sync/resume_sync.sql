-- Restarts a dataset that was paused, or whose streams failed, once the cause is fixed: they
-- continue from their checkpoints right away. What waits, for a dataset that is not published,
-- a retry or the next poll, is tried at once, and a new version that was refused is looked at
-- again. Healthy streams are left alone, and a resync that was under way continues. Idempotent.
--
-- An HTTP source whose last run is over, because it is read once and complete, or because the next one is
-- due later, begins its next run at once; one that waits for a rate limit tries at once. Its empty pages in
-- a row, and how often its cursor has expired in vain, are counted from 0 again.
--
-- Returns the streams. Locks: dataset row, stream rows, rows of parts.
create or replace function ampsync.resume_sync(
  inout dataset    text,
  out   table_name text,
  out   state      text,
  out   hint       text
)
  returns setof record
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(resume_sync.dataset);
  v_stream     record;
begin
  perform ampsync_private.lock_dataset(v_dataset_id);

  update ampsync_private.dataset d
     set state = 'waiting', since = case when d.state <> 'waiting' then ampsync_private.now() else d.since end,
         attempts = 0, next_retry = null, error = null
   where d.dataset_id = v_dataset_id
     and d.state in ('failed', 'paused', 'waiting');
  if found then
    perform ampsync_private.schedule_resolve(v_dataset_id);
  end if;

  update ampsync_private.dataset d
     set offered_attempts = 0, offered_retry = null
   where d.dataset_id = v_dataset_id
     and d.offered_version is not null;
  if found then
    perform ampsync_private.schedule_reload(v_dataset_id);
  end if;

  update ampsync_private.upgrade u
     set attempts = 0, next_retry = null, error = null
   where u.dataset_id = v_dataset_id
     and u.next_retry is not null;

  for v_stream in
    update ampsync_private.stream s
       set state = case when exists (select 1
                                       from ampsync_private.stream w
                                      where w.shadow_of = s.stream_id and w.state <> 'former'
                                        and not ampsync_private.is_beside(w))
                        then 'resyncing' else 'retrying' end,
           since = ampsync_private.now(), attempts = 0, deaths = 0, next_retry = null,
           load_started = null, load_from = null
     where s.dataset_id = v_dataset_id
       and s.state in ('paused', 'failed', 'retrying', 'waiting', 'complete')
    returning s.stream_id, s.state
  loop
    if v_stream.state = 'retrying' then
      perform ampsync_private.schedule_stream(v_stream.stream_id);
    end if;
    perform ampsync_private.journal(v_stream.stream_id, 'resumed');
  end loop;
  perform ampsync_private.wake_source(s.stream_id, true)
     from ampsync_private.stream s
     join ampsync_private.dataset d using (dataset_id)
    where d.dataset_id = v_dataset_id
      and d.kind = 'http';
  update ampsync_private.part p -- After the stream row, as commits do.
     set empty_pages = 0, expiries = 0, expired_page = 0
    from ampsync_private.stream s
   where s.stream_id = p.stream_id
     and s.dataset_id = v_dataset_id
     and (p.empty_pages, p.expiries) <> (0, 0)
     and not p.done;

  perform ampsync_private.start_polling(v_dataset_id, interval '0');

  return query
  select r.dataset, r.table_name, r.state, r.hint
    from ampsync_private.sync_report(v_dataset_id) r;
end;
$$;

comment on function ampsync.resume_sync(text)
  is 'Restart the paused and failed streams of a dataset, from their checkpoints.';
