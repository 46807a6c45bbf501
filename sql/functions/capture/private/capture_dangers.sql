-- What may become a trouble of capture though nothing is wrong yet: the first of these that is so.
--   a captured table that failed, or could not be put back into the publication
--   a transaction that stays open with a row of published, which holds up changes to that table
--   a server that would take a pass for a standby (capture_transport)
--   a server that does not write to its disk
--   a server without a limit of WAL: nothing bounds it while no worker runs
create or replace function ampsync_private.capture_dangers(
  p_capture  ampsync_private.capture,
  out reason text,
  out hint   text
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  select format('%s: %s', p.relation, p.error ->> 'message'),
         coalesce(p.error ->> 'hint', 'select * from ampsync.publications;')
    into reason, hint
    from ampsync_private.published p
   where p.mode = 'rows' and p.state in ('starting', 'live', 'failed') and p.error is not null
   order by p.published_id
   limit 1;
  if found then
    return;
  end if;

  select format('a transaction that has called ampsync.publish or unpublish stays open: pid %s since %s',
                a.pid, date_trunc('second', a.xact_start)),
         format('select pg_terminate_backend(%s); -- Or let its owner commit.', a.pid)
    into reason, hint
    from pg_locks k
    join pg_stat_activity a using (pid)
   where k.locktype = 'relation' and k.relation = 'ampsync_private.published'::regclass and k.granted
     and k.mode = 'RowExclusiveLock' and k.pid <> pg_backend_pid()
     and k.database = (select d.oid from pg_database d where d.datname = current_database())
     and a.xact_start < ampsync_private.now() - interval '5 s'
   order by a.xact_start
   limit 1;
  if found then
    return;
  end if;

  if p_capture.mode = 'stream' and ampsync_worker.capture_transport() = 'poll' then
    reason := format('WAL is polled each %s, not streamed: synchronous_standby_names is %s, which would count '
                     'ampsync as a standby', p_capture.poll_interval, current_setting('synchronous_standby_names'));
    hint := 'alter system set synchronous_standby_names = ''FIRST 1 (<name of a standby>)''; select pg_reload_conf();';
  elsif not current_setting('fsync')::boolean then
    reason := 'fsync is off: after a crash of the machine log and tables may disagree';
    hint := 'alter system set fsync = on; select pg_reload_conf();';
  elsif current_setting('max_slot_wal_keep_size') = '-1' then
    reason := 'the server has no limit of WAL: without a worker the slot could fill the disk';
    hint := ampsync_private.wal_limit_statement(p_capture.wal_limit);
  end if;
end;
$$;

comment on function ampsync_private.capture_dangers(ampsync_private.capture)
  is 'What may become a trouble of capture though nothing is wrong yet.';
