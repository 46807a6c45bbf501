-- What is wrong with change capture: it has failed, has stalled, comes late, has no worker, has lost its
-- slot, or does not begin; who keeps it, or commits of published datasets, waiting; what would keep WAL without a
-- limit, or lose it; and published tables that failed, or wait for long. Nothing of it while no table is captured, but
-- for tables of datasets and whoever holds the log lock.
--
-- State and reason are those of the supervisor's last look. On a standby there is no slot to look at.
create or replace function ampsync_private.diagnose_capture()
  returns table (severity text, subject text, finding text, fix text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with capture as materialized (
    select v.state, date_trunc('second', v.since) as since, v.reason, v.hint, v.active_pid,
           v.reason ~ '^stalled' as stalled, v.reason ~ '^no worker is alive' as is_alone,
           v.wal_limit, c.error ->> 'lsn' as lsn,
           c.error ->> 'code' = 'SY404' or ampsync_private.is_refusal(c.error ->> 'code') as is_poison,
           case when not pg_is_in_recovery() then ampsync_private.slot_fault() end as fault,
           (select count(*) from ampsync_private.published p where p.mode = 'rows' and p.state <> 'ended') as tables
      from ampsync.capture v
      left join ampsync_private.capture c on true
  ),
  found as (
    select c.*, n.severity, n.finding, n.fix
      from capture c
     cross join lateral (values
        (c.state = 'failed',
         'error', format('it has failed since %s: %s', c.since, c.reason),
         case when c.is_poison and c.lsn is not null
              then format('select ampsync.skip_transaction(%L); -- captured tables are loaded anew. %s', c.lsn, c.hint)
              else ampsync_private.fix_of(c.hint, 'select * from ampsync.capture;') end),
        (c.is_alone,
         'error', format('no worker is alive: changes of %s tables %s', c.tables,
                         case when c.fault is null or c.fault = 'not_made' then 'stay in WAL' else 'are not kept' end),
         'npx ampsync worker'),
        (c.state = 'behind' and c.stalled,
         'error', c.reason,
         case when c.active_pid is null or c.hint ~ '^select pg_terminate_backend'
              then ampsync_private.fix_of(c.hint, 'select * from ampsync.capture;')
              else format('select pg_terminate_backend(%s); -- it is begun anew', c.active_pid) end),
        (c.state = 'behind' and not c.stalled and not c.is_alone,
         'warning', format('changes come late since %s: %s', c.since, c.reason),
         ampsync_private.fix_of(c.hint, 'select * from ampsync.capture;')),
        (c.state = 'starting' and not c.is_alone and c.since < ampsync_private.now() - interval '1 min',
         'warning', format('it has been starting since %s: %s', c.since, c.reason),
         ampsync_private.fix_of(c.hint, 'select * from ampsync.jobs;')),
        (c.fault <> 'not_made',
         'warning', format('%s: a worker makes it anew, and whoever follows captured tables loads them anew',
                           ampsync_private.gap_text(c.fault)),
         case when c.is_alone then 'npx ampsync worker' else 'select * from ampsync.jobs;' end)
      ) n (applies, severity, finding, fix)
     where n.applies
  )
  select f.severity, 'capture', f.finding, f.fix
    from found f
   where f.tables > 0
   union all
  select 'error', 'log lock', h.reason, h.hint
    from ampsync_private.foreign_holder() h
   where not pg_is_in_recovery()
   union all
  select 'warning', format('session %s', a.pid),
         format('its transaction (role %s, %s) is open since %s, and has changed what is captured: %s waits for it',
                a.usename, a.application_name, date_trunc('second', a.xact_start),
                case when bool_or(k.relation = 'ampsync_private.capture'::regclass)
                     then 'capture' else 'who changes that table' end),
         format('select pg_terminate_backend(%s); -- or let its owner commit', a.pid)
    from pg_locks k
    join pg_stat_activity a using (pid)
   where k.locktype = 'relation' and k.granted and k.mode = 'RowExclusiveLock' and k.pid <> pg_backend_pid()
     and k.relation in ('ampsync_private.capture'::regclass, 'ampsync_private.published'::regclass)
     and a.datname = current_database() and k.database = a.datid
     and a.state like 'idle in transaction%'
     and a.xact_start < ampsync_private.now() - interval '5 s'
   group by a.pid, a.usename, a.application_name, a.xact_start
   union all
  select 'warning', s.name, s.finding, s.fix
    from capture c
   cross join lateral (values
      ('max_slot_wal_keep_size', '-1',
       'it is -1: while no worker runs, the slot of change capture may fill the disk',
       ampsync_private.wal_limit_statement(c.wal_limit)),
      ('fsync', 'off',
       'it is off: after a crash of the machine the log of changes and the tables may disagree',
       'alter system set fsync = on; select pg_reload_conf();')
    ) s (name, bad, finding, fix)
   where c.tables > 0 and current_setting(s.name) = s.bad
   union all
  select case p.state when 'failed' then 'error' else 'warning' end, format('%I.%I', p.schema_name, p.table_name),
         case when p.error is not null
              then concat_ws(': ', case p.state when 'failed' then 'its publication failed'
                                                when 'starting' then 'its publication waits' end,
                             p.error ->> 'message', p.error ->> 'detail')
              when p.baseline_asked is not null
              then format('its baseline has been waited for since %s', date_trunc('second', p.baseline_asked))
              else format('its changes do not come into the log yet, since %s', date_trunc('second', p.since)) end,
         ampsync_private.fix_of(p.error ->> 'hint',
           case when p.error is null then 'select * from ampsync.jobs;'
                else format('select ampsync.publish(%L);', format('%I.%I', p.schema_name, p.table_name)) end)
    from ampsync_private.published p
   cross join capture c
   where p.state <> 'ended'
     and (p.error is not null
          or c.state = 'ok' and p.mode = 'rows'
             and least(p.baseline_asked, case p.state when 'starting' then p.since end)
                 < ampsync_private.now() - interval '5 min')
   union all
  select 'warning', format('%I.%I', p.schema_name, p.table_name),
         'the replica identity that it had before it was published could not be put back: '
         || (p.put_back #>> '{error,message}'),
         format('alter table %s replica identity default; -- or the one that it shall have', c.oid::regclass)
    from ampsync_private.published p
    join pg_class c on c.oid = (p.put_back ->> 'relation')::oid
   where p.put_back #>> '{error,code}' <> '55P03';
$$;

comment on function ampsync_private.diagnose_capture()
  is 'Findings about change capture: its state, its slot, the limit of WAL, published tables.';
