-- What the backend that holds the fence of a stream and lease epoch is waiting for, in words:
-- the lock it needs and who holds that, a standby, or PostgreSQL's own work. No row when no
-- backend holds the fence, or it waits for its client. What others run is not told, because
-- everybody who reads ampsync.streams is shown this: describe_backends.
create or replace function ampsync_private.fence_waits(
  p_stream_id bigint,
  p_epoch     bigint,
  p_waits_s   numeric
)
  returns table (reason text, hint text)
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when a.wait_event = 'SyncRep'
                then format('the commit has waited %s s for a synchronous standby', round(p_waits_s))
              when b.pid is not null
                then format('has waited %s s for a lock%s that backend %s holds%s', round(p_waits_s),
                       coalesce((select ' on ' || k.relation::regclass
                                   from pg_locks k
                                  where k.pid = a.pid and not k.granted and k.relation is not null limit 1), ''),
                       b.pid, ' (' || nullif(concat_ws(', ', b.usename, nullif(b.application_name, '')), '') || ')')
              else format('PostgreSQL has been running one statement for %s s%s', round(p_waits_s),
                     coalesce(format(' (%s: %s)', a.wait_event_type, a.wait_event), '')) end,
         case when a.wait_event = 'SyncRep'
                then 'select application_name, state, sync_state from pg_stat_replication; '
                     '-- required by: show synchronous_standby_names;'
              when b.pid is not null
                then format('select * from pg_stat_activity where pid = %1$s; '
                            '-- to end it: select pg_terminate_backend(%1$s);', b.pid)
              else format('select * from pg_stat_activity where pid = %s;', a.pid) end
    from ampsync_private.fence_holders(p_stream_id, p_epoch) f
    join pg_stat_activity a using (pid)
    left join lateral (
      select p.pid, v.usename, v.application_name
        from unnest(pg_blocking_pids(a.pid)) p(pid)
        left join pg_stat_activity v on v.pid = p.pid
       where a.wait_event_type = 'Lock'
       limit 1
    ) b on true
   where a.wait_event is distinct from 'ClientRead'
     and (b.pid is not null or a.wait_event = 'SyncRep' or p_waits_s >= 10)
   order by b.pid is null, a.wait_event is distinct from 'SyncRep'
   limit 1;
$$;

comment on function ampsync_private.fence_waits(bigint, bigint, numeric)
  is 'What the backend that holds the fence of a stream and lease epoch is waiting for.';
