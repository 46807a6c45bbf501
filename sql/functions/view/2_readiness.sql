-- One row per table: whether it moves as it should, in the words of a monitor. /readyz of each
-- worker is this view: ready is true unless
--   it has failed
--   no worker has sent a heartbeat for 60 s
--   it has been retried for 300 s without a commit, whether or not a reorg is pending meanwhile
--   no worker has held it for 60 s (300 s while its job waits for a slot)
--   nothing was committed for 300 s, though the server holds or has sent more (renew_leases)
-- Paused, orphaned and complete tables rest, and are ready; so does an HTTP source until its next run, or
-- until the rate limit of its API (SY304) allows the next request. During a resync all this is about the shadow,
-- which is what moves. A dataset without tables has a row of its own; so has one that has failed or
-- is looked up, because there may be something that it has no table of. One that is not published
-- (SY103) is ready as long as somebody looks; one whose look-up fails in another way, or does not
-- end, for 300 s, also if it is said to be unpublished now and then: after 60 s of that alone it is ready.
create or replace view ampsync.readiness as
with clock as (
  select ampsync_private.now() as now
),
alive as (
  select exists (select 1 from ampsync_private.worker w where w.heartbeat_at > c.now - interval '60 s') as any
    from clock c
),
job as (
  select j.key, j.locked_at is null as is_waiting, coalesce(j.locked_at, j.run_at) as since
    from graphile_worker.jobs j
   where j.task_identifier in ('ampsync_stream', 'ampsync_ingest', 'ampsync_resolve')
)
select v.dataset,
       v.table_name,
       r.reason is null as ready,
       r.reason,
       v.state,
       v.block,
       v.head,
       v.behind,
       v.lag,
       c.now - m.committed_at as age,
       coalesce(m.error ->> 'code', v.error_code) as error_code,
       case when r.reason is not null then coalesce(v.hint, 'select * from ampsync.doctor();') end as hint,
       v.stream_id
  from clock c
 cross join alive a
 cross join ampsync.streams v
  left join ampsync_private.stream w
         on w.shadow_of = v.stream_id and w.state <> 'former' and v.state = 'resyncing'
  join ampsync_private.stream m on m.stream_id = coalesce(w.stream_id, v.stream_id) -- The stream that moves.
  join ampsync_private.lease l on l.stream_id = m.stream_id
  left join job j on j.key = 'ampsync_stream:' || m.stream_id
 cross join lateral (
    select case
      when v.state in ('paused', 'orphaned', 'complete') or m.state = 'paused' then null
      when v.state = 'failed' or m.state = 'failed' then 'it has failed'
      when not a.any then 'no worker has sent a heartbeat for 60 s'
      when (m.state = 'retrying' or m.state = 'reorg_pending' and m.attempts > 0)
           and m.since <= c.now - interval '300 s'
           and m.error ->> 'code' is distinct from 'SY304'
        then 'it has been retried for more than 300 s'
      when coalesce(l.lease_until <= c.now, true)
           and greatest(l.lease_until, l.seen_at, m.since, m.committed_at, m.next_retry, j.since)
               <= c.now - case when j.is_waiting then interval '300 s' else interval '60 s' end
        then pg_catalog.format('no worker has held it for %s s', case when j.is_waiting then 300 else 60 end)
      when l.stalled_since <= c.now - interval '300 s' and coalesce(m.committed_at <= l.stalled_since, true)
        then 'nothing was committed for 300 s, though the server holds or has sent more'
    end as reason
  ) r
union all
select d.label,
       null,
       r.reason is null,
       r.reason,
       d.state,
       null, null, null, null, null,
       d.error ->> 'code',
       case when r.reason is not null then coalesce(d.error ->> 'hint', 'select * from ampsync.doctor();') end,
       null
  from clock c
 cross join alive a
 cross join ampsync_private.dataset d
  left join job j on j.key = 'ampsync_resolve:' || d.dataset_id
 cross join lateral (
    select case
      when d.state = 'paused' then null
      when d.state = 'failed' then 'it has failed'
      when not a.any then 'no worker has sent a heartbeat for 60 s'
      when j.is_waiting and j.since <= c.now - interval '60 s' then 'no worker has looked for it for 60 s'
      when not j.is_waiting and j.since <= c.now - interval '300 s' then 'its look-up has run for more than 300 s'
      when d.state = 'waiting'
           and (d.error ->> 'failing_since')::timestamptz <= c.now - interval '300 s'
           and coalesce((d.error ->> 'absent_since')::timestamptz > c.now - interval '60 s', true)
        then 'its look-up has failed for more than 300 s'
    end as reason
  ) r
 where d.state in ('failed', 'waiting')
    or not exists (select 1 from ampsync_private.stream s where s.dataset_id = d.dataset_id);

comment on view ampsync.readiness
  is 'One row per table: whether it moves as it should, and if not, why and what to do; what /readyz of a worker says.';
comment on column ampsync.readiness.dataset is 'Dataset, as it was enqueued.';
comment on column ampsync.readiness.table_name
  is 'Table of the dataset; null for a dataset that has no tables yet, is looked up, or has failed.';
comment on column ampsync.readiness.ready is 'Whether it moves as it should, or rests because it shall.';
comment on column ampsync.readiness.reason is 'Why it is not ready.';
comment on column ampsync.readiness.state is 'Its state, as in ampsync.streams.';
comment on column ampsync.readiness.block is 'Last block that is completely and durably here.';
comment on column ampsync.readiness.head is 'Last block that the server is known to have, as in ampsync.streams.';
comment on column ampsync.readiness.behind is 'Blocks from block to head, as in ampsync.streams.';
comment on column ampsync.readiness.lag is 'Age of the last block by the chain''s clock.';
comment on column ampsync.readiness.age is 'Time since the last commit.';
comment on column ampsync.readiness.error_code is 'SQLSTATE of what keeps it from moving.';
comment on column ampsync.readiness.hint is 'What to do if it is not ready.';
comment on column ampsync.readiness.stream_id is 'Its id in jobs and logs.';
