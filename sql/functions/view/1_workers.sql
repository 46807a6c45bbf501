-- One row per worker that sent a heartbeat within the last day.
create or replace view ampsync.workers as
select w.host,
       w.pid,
       w.version,
       case when w.heartbeat_at > ampsync_private.now() - ampsync_private.lease_duration() and w.lost_at is null
            then 'alive' else 'gone' end as state,
       p.running as slots_used,
       w.slots,
       l.streams,
       w.heartbeat_at,
       w.started_at,
       w.worker_id as worker
  from ampsync_private.worker w
 cross join lateral (select count(*) as running
                       from graphile_worker.jobs j
                      where j.locked_by = w.worker_id
                        and j.task_identifier in ('ampsync_stream', 'ampsync_ingest')) p
 cross join lateral (select count(*) as streams
                       from ampsync_private.lease h
                      where h.holder = w.worker_id and h.lease_until > ampsync_private.now()) l;

comment on view ampsync.workers is 'One row per worker that sent a heartbeat within the last day.';
comment on column ampsync.workers.host is 'Name of the machine or container it runs on.';
comment on column ampsync.workers.pid is 'Its process id there.';
comment on column ampsync.workers.version
  is 'Version of ampsync that it runs; that of the database: ampsync.version().';
comment on column ampsync.workers.state
  is 'alive, or gone: its connections are closed, or it sent no heartbeat for as long as a lease lasts.';
comment on column ampsync.workers.slots_used
  is 'Passes it is running, those included that wait for the lease of their stream.';
comment on column ampsync.workers.slots
  is 'Most streams it takes at once; short jobs have slots of their own. 0: it was told to stop. Null: it has not said '
     'that yet.';
comment on column ampsync.workers.streams is 'Streams it holds.';
comment on column ampsync.workers.heartbeat_at is 'Its last heartbeat; every 5 s while it is alive.';
comment on column ampsync.workers.started_at is 'When it started.';
comment on column ampsync.workers.worker is 'Its id, as in ampsync.streams and ampsync.jobs.';
