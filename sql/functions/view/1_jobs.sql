-- The jobs of ampsync in graphile-worker's queue.
create or replace view ampsync.jobs as
select j.id as job_id,
       j.task_identifier as task,
       d.label as dataset,
       s.table_name,
       case when j.locked_at is not null then 'running'
            when j.attempts >= j.max_attempts then 'exhausted'
            when j.run_at > ampsync_private.now() then 'scheduled'
            else 'ready' end as state,
       j.run_at,
       j.locked_by as worker,
       j.locked_at as running_since,
       j.attempts,
       j.last_error
  from graphile_worker.jobs j
 cross join lateral (
    select case when j.key ~ '^ampsync_(stream|swap|index):\d{1,18}$'
                then pg_catalog.split_part(j.key, ':', 2)::bigint end as stream_id,
           case when j.key ~ '^ampsync_(resolve|reload|poll|upgrade):\d{1,18}$'
                then pg_catalog.split_part(j.key, ':', 2)::bigint end as dataset_id
  ) k
  left join ampsync_private.stream s on s.stream_id = k.stream_id
  left join ampsync_private.dataset d on d.dataset_id = coalesce(s.dataset_id, k.dataset_id)
 where starts_with(j.task_identifier, 'ampsync_');

comment on view ampsync.jobs is 'The jobs of ampsync in graphile-worker''s queue, joined to the streams they move.';
comment on column ampsync.jobs.job_id is 'Id of the job in graphile_worker.jobs.';
comment on column ampsync.jobs.task
  is 'ampsync_stream moves a stream, ampsync_ingest reads an HTTP source, ampsync_swap ends a resync, '
     'ampsync_upgrade moves an upgrade on, '
     'ampsync_index builds indexes, '
     'ampsync_resolve looks up a dataset, ampsync_poll looks for a new version of it, '
     'ampsync_reload takes over a new version of it, '
     'ampsync_supervise frees and queues what was lost.';
comment on column ampsync.jobs.dataset is 'Dataset that the job works for.';
comment on column ampsync.jobs.table_name is 'Table that the job works for.';
comment on column ampsync.jobs.state is 'running, ready, scheduled, or exhausted (the supervisor queues a new one).';
comment on column ampsync.jobs.run_at is 'When the job is, or was, due.';
comment on column ampsync.jobs.worker is 'Worker that runs it.';
comment on column ampsync.jobs.running_since is 'When it started to run.';
comment on column ampsync.jobs.attempts is 'How often it was started.';
comment on column ampsync.jobs.last_error is 'Why it failed last, outside of ampsync''s own error handling.';
