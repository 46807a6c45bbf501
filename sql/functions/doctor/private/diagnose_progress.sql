-- What ampsync.readiness calls not ready, with what is known of it: a monitor wakes somebody for that,
-- who asks here next. Left out is what other parts say better: what has failed, what kills workers,
-- and all of it while no worker is alive.
create or replace function ampsync_private.diagnose_progress()
  returns table (severity text, subject text, finding text, fix text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with stuck as (
    select r.dataset, r.table_name, r.reason, m.stream_id,
           case when r.table_name is null then array[d.error ->> 'message', d.error ->> 'detail']
                else array[v.reason, v.detail] end as known,
           case when r.table_name is null then d.error ->> 'hint' else v.hint end as hint
      from ampsync.readiness r
      join ampsync_private.dataset d on d.label = r.dataset
      left join ampsync.streams v using (stream_id)
      left join ampsync_private.stream s using (stream_id)
      left join ampsync_private.stream w
             on w.shadow_of = s.stream_id and w.state <> 'former' and s.state = 'resyncing'
      left join ampsync_private.stream m on m.stream_id = coalesce(w.stream_id, s.stream_id) -- The stream that moves.
     where not r.ready and r.reason <> 'it has failed' and coalesce(m.deaths < 3, true)
       and not exists (select 1 from ampsync.status u where u.unattended)
  )
  select 'error', concat_ws('.', k.dataset, k.table_name),
         concat_ws(': ', k.reason, k.known[1], k.known[2]),
         case
           when k.hint is not null
             then ampsync_private.fix_of(k.hint, format('select * from ampsync.%s where dataset = %L;',
                    case when k.table_name is null then 'status' else 'streams' end, k.dataset))
           when w.pid is null then 'select * from ampsync.jobs;'
           else format('select pid, pg_blocking_pids(pid), query from pg_stat_activity'
                       ' where datname = current_database() and application_name like %L and wait_event_type = %L;'
                       ' -- no row: kill -TERM %s # on %s; then start that worker again',
                       'ampsync%', 'Lock', w.pid, w.host)
         end
    from stuck k
    left join ampsync_private.lease l using (stream_id)
    left join ampsync.workers w on w.worker = l.holder and w.state = 'alive';
$$;

comment on function ampsync_private.diagnose_progress()
  is 'Findings about tables and datasets that are not ready, each with what keeps it from moving.';
