-- One row a stream: where it stands, and if it does not move, why, since when
-- and what to do.
create or replace view ampsync.streams as
select ampsync_private.dataset_label(d.namespace, d.name, d.revision) as dataset,
       s.table_name,
       format('%I.%I', s.target_schema, s.target_table) as target,
       s.state,
       s.since,
       s.network,
       s.checkpoint_block as block,
       greatest(l.head_block, s.checkpoint_block) as head,
       case when l.head_block is not null then greatest(l.head_block - s.checkpoint_block, 0) end as behind,
       ampsync_private.now() - s.block_time as lag,
       s.row_total as rows,
       l.rows_per_s,
       s.rewrites,
       s.committed_at,
       s.error_code,
       coalesce(s.error, case when i.idle then 'no worker holds this stream' end) as reason,
       s.error_detail as detail,
       case when s.error is not null then s.error_hint
            when i.idle then ampsync_private.idle_hint() end as hint,
       s.attempts,
       s.next_retry,
       case when l.lease_until > ampsync_private.now() then l.holder end as worker,
       l.lease_until,
       s.stream_id
  from ampsync_private.stream s
  join ampsync_private.dataset d using (dataset_id)
  join ampsync_private.lease l using (stream_id)
 cross join lateral (
    select s.state not in ('paused', 'failed', 'orphaned', 'resyncing')
           and coalesce(l.lease_until <= ampsync_private.now(), true) as idle
  ) i
 where s.shadow_of is null;

comment on view ampsync.streams is 'One row a table: state, position, speed, and if it does not move, why, since when and what to do.';
comment on column ampsync.streams.dataset is 'Dataset, as it was enqueued.';
comment on column ampsync.streams.table_name is 'Table of the dataset.';
comment on column ampsync.streams.target is 'Table in this database.';
comment on column ampsync.streams.state is 'waiting, backfill, live, retrying, reorg_pending, resyncing, paused, failed or orphaned.';
comment on column ampsync.streams.since is 'Since when it is in this state.';
comment on column ampsync.streams.network is 'Network of its blocks.';
comment on column ampsync.streams.block is 'Last block that is durably and completely here.';
comment on column ampsync.streams.head is 'Last block that the server is known to hold; null while unknown.';
comment on column ampsync.streams.behind is 'Blocks between the two.';
comment on column ampsync.streams.lag is 'Age of the last block by the chain''s clock, where the server tells block times.';
comment on column ampsync.streams.rows is 'Rows in the target.';
comment on column ampsync.streams.rows_per_s is 'Rows a second since the last heartbeat (5 s).';
comment on column ampsync.streams.rewrites is 'How often visible rows were replaced by a reorg.';
comment on column ampsync.streams.committed_at is 'Last commit.';
comment on column ampsync.streams.error_code is 'SQLSTATE of what keeps it from moving.';
comment on column ampsync.streams.reason is 'What keeps it from moving.';
comment on column ampsync.streams.detail is 'What was found.';
comment on column ampsync.streams.hint is 'What to do.';
comment on column ampsync.streams.attempts is 'Failed tries since the last commit.';
comment on column ampsync.streams.next_retry is 'When it is tried again.';
comment on column ampsync.streams.worker is 'Worker that holds its lease.';
comment on column ampsync.streams.lease_until is 'Until when.';
comment on column ampsync.streams.stream_id is 'Its id in jobs and logs.';
