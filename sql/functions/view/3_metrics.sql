-- What the database knows, as metrics: one row per metric and labels, so that any exporter of SQL
-- can pass it on; each worker with a health port does (/metrics). What is unknown has no row.
-- Series of one table carry its dataset and its name; nothing else grows with use.
create or replace view ampsync.metrics as
with clock as (
  select ampsync_private.now() as now
),
stream as materialized (
  select r.dataset, r.table_name, r.ready, r.state, r.behind, r.lag,
         s.checkpoint_block, s.committed_at, s.row_total, s.attempts, s.reorgs, l.takeovers,
         case d.kind when 'http' then s.records end as records,
         case d.kind when 'http' then s.duplicates end as duplicates,
         jsonb_strip_nulls(jsonb_build_object('dataset', r.dataset, 'table', r.table_name)) as labels
    from ampsync.readiness r
    left join ampsync_private.stream s using (stream_id)
    left join ampsync_private.lease l using (stream_id)
    left join ampsync_private.dataset d using (dataset_id)
),
job as materialized (
  select j.task, j.state, j.run_at from ampsync.jobs j
)
select m.metric, m.type, s.labels || m.labels as labels, m.value, m.help
  from stream s
 cross join lateral (values
    ('ampsync_ready', 'gauge', '{}'::jsonb, s.ready::integer::float8,
     'Whether a table moves as it should: ampsync.readiness'),
    ('ampsync_checkpoint_block', 'gauge', '{}', s.checkpoint_block::float8,
     'Last block that is completely and durably here'),
    ('ampsync_lag_blocks', 'gauge', '{}', s.behind::float8,
     'Blocks that a table is behind the head; absent while either is unknown'),
    ('ampsync_lag_seconds', 'gauge', '{}', extract(epoch from s.lag)::float8,
     'Age of the last block by the clock of the chain; absent if the server sends no block times'),
    ('ampsync_last_progress_timestamp_seconds', 'gauge', '{}', extract(epoch from s.committed_at)::float8,
     'Time of the last commit'),
    ('ampsync_rows', 'gauge', '{}', s.row_total::float8, 'Rows in a table'),
    ('ampsync_failed_attempts', 'gauge', '{}', s.attempts::float8, 'Failed attempts since the last commit'),
    ('ampsync_reorgs_total', 'counter', '{"depth": "1"}', s.reorgs[1]::float8,
     'Reorgs whose blocks were replaced, by depth in blocks'),
    ('ampsync_reorgs_total', 'counter', '{"depth": "2-10"}', s.reorgs[2]::float8,
     'Reorgs whose blocks were replaced, by depth in blocks'),
    ('ampsync_reorgs_total', 'counter', '{"depth": "11-64"}', s.reorgs[3]::float8,
     'Reorgs whose blocks were replaced, by depth in blocks'),
    ('ampsync_reorgs_total', 'counter', '{"depth": "65+"}', s.reorgs[4]::float8,
     'Reorgs whose blocks were replaced, by depth in blocks'),
    ('ampsync_records_total', 'counter', '{}', s.records::float8,
     'Records that an HTTP source has received'),
    ('ampsync_duplicates_total', 'counter', '{}', s.duplicates::float8,
     'Records that an HTTP source has received again, or in another version'),
    ('ampsync_lease_takeovers_total', 'counter', '{}', s.takeovers::float8,
     'Times that a worker took a table over from one that was dead or silent')
  ) m (metric, type, labels, value, help)
 where m.value is not null
union all
select 'ampsync_streams', 'gauge', jsonb_build_object('state', t.state),
       (select count(*) from stream s where s.table_name is not null and s.state = t.state)::float8,
       'Tables by state'
  from unnest('{waiting,backfill,live,retrying,reorg_pending,resyncing,paused,failed,orphaned,complete}'::text[])
         t (state)
union all
select 'ampsync_queue_jobs', 'gauge', jsonb_build_object('state', t.state),
       (select count(*) from job j where j.state = t.state)::float8,
       'Jobs of ampsync by state'
  from unnest('{ready,running,scheduled,exhausted}'::text[]) t (state)
union all
select 'ampsync_queue_age_seconds', 'gauge', jsonb_build_object('task', j.task),
       coalesce(extract(epoch from c.now - min(j.run_at) filter (where j.state = 'ready')), 0)::float8,
       'How long the oldest job of a task has been due without being started'
  from job j, clock c
 group by j.task, c.now
union all
select m.metric, m.type, '{}', m.value, m.help
  from ampsync.capture k
 cross join lateral (values
    ('ampsync_capture_lag_seconds', 'gauge', extract(epoch from k.lag)::float8,
     'How old what capture has not stored yet may be; absent while it is off or starting'),
    ('ampsync_capture_transactions_total', 'counter', k.transactions::float8,
     'Transactions of captured tables that are in the log'),
    ('ampsync_capture_wal_retained_bytes', 'gauge', k.wal_retained::float8,
     'WAL that the slot of capture keeps on the server'),
    ('ampsync_log_position', 'gauge', (select max(t.position) from ampsync_private.change_tx t)::float8,
     'Newest position of the log of changes')
  ) m (metric, type, value, help)
 where m.value is not null
union all
select 'ampsync_workers', 'gauge', jsonb_build_object('state', t.state),
       (select count(*) from ampsync.workers w where w.state = t.state)::float8,
       'Workers that sent a heartbeat within the last day'
  from unnest('{alive,gone}'::text[]) t (state)
union all
select 'ampsync_worker_heartbeat_age_seconds', 'gauge', '{}',
       extract(epoch from c.now - max(w.heartbeat_at))::float8,
       'Age of the newest heartbeat of any worker'
  from ampsync_private.worker w, clock c
 group by c.now
having max(w.heartbeat_at) is not null;

comment on view ampsync.metrics
  is 'What the database knows, as metrics for Prometheus: one row per metric and labels. docs/metrics.md has each.';
comment on column ampsync.metrics.metric is 'Its name.';
comment on column ampsync.metrics.type is 'gauge or counter.';
comment on column ampsync.metrics.labels is 'Its labels, such as dataset and table.';
comment on column ampsync.metrics.value is 'Its value; times are seconds since 1970.';
comment on column ampsync.metrics.help is 'What it means.';
