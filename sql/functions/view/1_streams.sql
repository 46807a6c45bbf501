-- One row per stream: where it is and, if it does not move, why, since when and what to do. What a
-- person looks for first comes first, because a screen is narrow.
-- During a resync, block and rows are those that readers see; what moves, and what keeps it
-- from moving, is the shadow of the table. During an upgrade the stream moves as well:
-- ampsync.upgrades shows the shadows.
-- An HTTP source that rests, until its next run or until a rate limit allows another request, needs no
-- worker: nothing about it is idle.
create or replace view ampsync.streams as
with clock as (
  select ampsync_private.now() as now
),
-- Workers with a recent heartbeat, and whether their heartbeat session exists: it holds a lock. A
-- standby does not know the locks of its primary, so there the heartbeat alone counts.
worker as (
  select w.worker_id, w.heartbeat_at, k.key is not null or pg_catalog.pg_is_in_recovery() as is_connected
    from clock c
    join ampsync_private.worker w on w.heartbeat_at > c.now - ampsync_private.lease_duration() and w.lost_at is null
    left join (select distinct (k.classid::bigint << 32) | k.objid::bigint as key
                 from pg_catalog.pg_locks k
                where k.locktype = 'advisory' and k.objsubid = 1 and k.granted and k.mode = 'ShareLock') k
           on k.key = ampsync_private.worker_key(w.worker_id)
),
-- What heartbeats reported of the heads; a block committed since then is newer.
head as (
  select e.dataset_id, e.network, e.block, e.reported_at, e.reported_at > c.now - interval '12 s' as is_known,
         count(*) over (partition by e.dataset_id) = 1 as is_only
    from ampsync_private.head e, clock c
),
-- Jobs that a free slot would start, in their order.
ready as (
  select j.key, row_number() over (order by j.priority, j.run_at, j.id) - 1 as before
    from graphile_worker.jobs j, clock c
   where j.locked_at is null and j.attempts < j.max_attempts and j.run_at <= c.now
     and j.task_identifier like 'ampsync\_%'
)
select d.label as dataset,
       s.table_name,
       case when s.state = 'live' and i.idle and coalesce(h.head - s.checkpoint_block > 10, true)
            then 'backfill' else s.state end as state,
       s.checkpoint_block as block,
       case when h.head >= s.checkpoint_block then h.head - s.checkpoint_block end as behind,
       pg_catalog.round(l.rows_per_s::numeric, 1)::float8 as rows_per_s,
       coalesce(m.swap_error, m.error) ->> 'code' as error_code,
       case when m.shadow_of is null then coalesce(y.reason, m.error ->> 'message', y.idle_reason)
            else 'resync: ' || coalesce(y.reason, m.error ->> 'message',
                   'the rows cannot be merged yet: ' || (m.swap_error ->> 'message'),
                   pg_catalog.concat_ws(', ',
                     case when m.checkpoint_block is null then 'nothing loaded yet'
                          else pg_catalog.format('block %s of %s loaded', m.checkpoint_block, s.checkpoint_block) end,
                     y.idle_reason)) end as reason,
       case when y.reason is not null then y.hint
            when m.shadow_of is not null and m.state = 'failed'
              then pg_catalog.format('select ampsync.resume_sync(%L); -- or give up: ', d.label)
                   || case when u.dataset_id is null
                           then pg_catalog.format('select ampsync.cancel_resync(%L, %L);', d.label, s.table_name)
                           else pg_catalog.format('select ampsync.cancel_resync(%L);', d.label) end
            when coalesce(m.error, m.swap_error) is not null then coalesce(m.error, m.swap_error) ->> 'hint'
            else y.idle_hint end as hint,
       coalesce(m.next_retry, m.swap_retry) as next_retry,
       greatest(m.attempts, m.swap_attempts) as attempts,
       case when m.shadow_of is null or m.state <> 'failed' then coalesce(m.error, m.swap_error) ->> 'detail'
            else pg_catalog.concat_ws(' ', m.error ->> 'detail', 'Hint: ' || (m.error ->> 'hint')) end as detail,
       s.since,
       pg_catalog.date_trunc('second', c.now - s.block_time) as lag,
       h.head,
       s.row_total as rows,
       pg_catalog.format('%I.%I', s.target_schema, s.target_table) as target,
       s.network,
       s.from_block,
       s.committed_at,
       s.rewrites,
       (select count(*) from ampsync_private.reject r where r.stream_id = s.stream_id) as rejected,
       s.nulled_counts as nulled,
       s.nul_counts as nuls,
       case when l.lease_until > c.now then l.holder end as worker,
       l.lease_until,
       s.stream_id,
       p.position,
       case d.kind when 'http' then s.records end as records,
       case d.kind when 'http' then s.duplicates end as duplicates
  from ampsync_private.stream s
 cross join clock c
  join ampsync_private.dataset d using (dataset_id)
  left join ampsync_private.upgrade u on u.dataset_id = s.dataset_id and u.tables is not null
  left join ampsync_private.stream w
         on w.shadow_of = s.stream_id and w.state <> 'former' and (u.dataset_id is null or s.state = 'resyncing')
  join ampsync_private.stream m on m.stream_id = coalesce(w.stream_id, s.stream_id) -- The stream that moves.
  join ampsync_private.lease l on l.stream_id = m.stream_id
  left join ampsync_private.worker seen on seen.worker_id = l.holder
  left join worker k on k.worker_id = l.holder
  left join ready q on q.key = 'ampsync_stream:' || m.stream_id
 cross join lateral (
    -- A holder that never sent a heartbeat has just started.
    select coalesce(l.lease_until <= c.now, true) as is_free,
           case when coalesce(l.lease_until <= c.now, true) then coalesce(m.next_retry <= c.now, true)
                else seen.worker_id is not null
                     and (k.worker_id is null or not k.is_connected or k.heartbeat_at < c.now - interval '12 s')
           end as idle
  ) i
  left join head e
         on e.dataset_id = s.dataset_id and e.is_known and (e.network = s.network or s.network is null and e.is_only)
 cross join lateral (
    select case when s.committed_at > e.reported_at then greatest(e.block, s.checkpoint_block) else e.block end as head
  ) h
 cross join lateral (
    select case when not i.idle then l.waits_for end as reason,
           case when not i.idle then l.waits_hint end as hint,
           case when not i.idle or ampsync_private.is_halted(m.state) then null
                when not i.is_free and not coalesce(k.is_connected, false)
                  then pg_catalog.format('its worker %s is gone; another one takes over within %s s', l.holder,
                         case when seen.had_lock then 3
                              else pg_catalog.ceil(extract(epoch from l.lease_until - c.now)) + 6 end)
                when not i.is_free
                  then pg_catalog.format('its worker %s has sent no heartbeat for %s s', l.holder,
                         pg_catalog.round(extract(epoch from c.now - k.heartbeat_at)))
                when not exists (select 1 from worker) then 'no worker holds this stream'
                when q.key is not null then pg_catalog.format('waits for a slot, behind %s other jobs', q.before)
                else 'no worker holds this stream' end as idle_reason,
           case when not i.idle or ampsync_private.is_halted(m.state) then null
                when i.is_free or not exists (select 1 from worker)
                  then ampsync_private.idle_hint(exists (select 1 from worker))
                else 'select * from ampsync.jobs;' end as idle_hint
  ) y
  left join lateral (
    select pg_catalog.concat_ws('; ',
             case when count(*) = 0 then 'the beginning'
                  when bool_and(t.done)
                    then pg_catalog.format('the end of run %s', max(t.run))
                  else pg_catalog.concat_ws(' parts under way, the first at ',
                         nullif(count(*) filter (where not t.done), 1),
                         (array_agg(ampsync_private.describe_position(t.position, t.empty_pages) order by t.part_no)
                            filter (where not t.done))[1]) end,
             'a record is dated '
               || pg_catalog.to_char(pg_catalog.timezone('UTC', s.ahead), 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
               || ', which is no mark to go on from') as position
      from ampsync_private.part t
     where t.stream_id = s.stream_id
  ) p on d.kind = 'http'
 where s.shadow_of is null;

comment on view ampsync.streams
  is 'One row per table: state, position, speed and, if it does not move, why, since when and what to do.';
comment on column ampsync.streams.dataset is 'Dataset, as it was enqueued.';
comment on column ampsync.streams.table_name is 'Table of the dataset.';
comment on column ampsync.streams.state
  is 'waiting, backfill, live, retrying, reorg_pending, resyncing, paused, failed, orphaned or complete.';
comment on column ampsync.streams.block is 'Last block that is completely and durably here.';
comment on column ampsync.streams.behind
  is 'Blocks from block to head; null while either is unknown, or if the head is below the block.';
comment on column ampsync.streams.rows_per_s is 'Rows per second since the last heartbeat (5 s).';
comment on column ampsync.streams.error_code is 'SQLSTATE of what keeps it from moving.';
comment on column ampsync.streams.reason is 'What keeps it from moving.';
comment on column ampsync.streams.hint is 'What to do.';
comment on column ampsync.streams.next_retry
  is 'When the next retry is due; of an HTTP source that rests, its next run or request.';
comment on column ampsync.streams.attempts is 'Failed attempts since the last commit.';
comment on column ampsync.streams.detail is 'What was found.';
comment on column ampsync.streams.since is 'When it entered this state.';
comment on column ampsync.streams.lag
  is 'Age of the last block by the chain''s clock, in whole seconds, if the server sends block times; of an HTTP '
     'source that of the newest value of its range''s field.';
comment on column ampsync.streams.head
  is 'Last block that the server is known to have; null while unknown, and 12 s after the last report of a worker.';
comment on column ampsync.streams.rows is 'Rows in the target.';
comment on column ampsync.streams.target is 'Table in this database.';
comment on column ampsync.streams.network is 'Network of its blocks.';
comment on column ampsync.streams.from_block is 'First block whose rows are loaded.';
comment on column ampsync.streams.committed_at is 'Last commit.';
comment on column ampsync.streams.rewrites is 'How often visible rows were replaced, by a reorg or a resync.';
comment on column ampsync.streams.rejected
  is 'Rows that are in ampsync.rejects instead of the target: value_policy quarantine.';
comment on column ampsync.streams.nulled
  is 'By column, how many values became NULL because PostgreSQL cannot hold them: value_policy null. Counts '
     'everything ever loaded; a resync starts from zero.';
comment on column ampsync.streams.nuls
  is 'By column, in how many texts U+0000 was replaced or stripped: nul_policy. Counts as nulled does.';
comment on column ampsync.streams.worker is 'Worker that holds its lease.';
comment on column ampsync.streams.lease_until is 'When that lease expires unless a heartbeat renews it.';
comment on column ampsync.streams.stream_id is 'Its id in jobs and logs.';
comment on column ampsync.streams.position
  is 'Of an HTTP source: where its next page begins, and how many empty pages in a row came before that.';
comment on column ampsync.streams.records is 'Of an HTTP source: records received, ever.';
comment on column ampsync.streams.duplicates
  is 'Of an HTTP source: records received whose key was there already, those that were updated included.';
