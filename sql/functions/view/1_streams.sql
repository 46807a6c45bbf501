-- One row a stream: where it stands, and if it does not move, why, since when
-- and what to do. Of a table that is loaded anew, block and rows are those that
-- readers see; what moves, and what keeps it from moving, is its shadow.
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
       (select count(*) from ampsync_private.reject r where r.stream_id = s.stream_id) as rejected,
       s.nulled_counts as nulled,
       s.nul_counts as nuls,
       s.committed_at,
       m.error_code,
       case when m.shadow_of is null then coalesce(m.error, case when i.idle then 'no worker holds this stream' end)
            else 'loading anew beside: ' || coalesce(m.error, format('block %s of %s%s', coalesce(m.checkpoint_block::text, 'none'),
                   coalesce(s.checkpoint_block::text, 'none'), case when i.idle then ', no worker holds it' end)) end as reason,
       case when m.shadow_of is null or m.state <> 'failed' then m.error_detail
            else concat_ws(' ', m.error_detail, 'Hint: ' || m.error_hint) end as detail,
       case when m.shadow_of is not null and m.state = 'failed'
              then format('select ampsync.resume_sync(%1$L); -- or give up: select ampsync.cancel_resync(%1$L, %2$L);',
                          ampsync_private.dataset_label(d.namespace, d.name, d.revision), s.table_name)
            when m.error is not null then m.error_hint
            when i.idle then ampsync_private.idle_hint(exists (
              select 1
                from ampsync_private.worker a
               where a.heartbeat_at > ampsync_private.now() - ampsync_private.lease_duration())) end as hint,
       m.attempts,
       m.next_retry,
       case when l.lease_until > ampsync_private.now() then l.holder end as worker,
       l.lease_until,
       s.stream_id
  from ampsync_private.stream s
  join ampsync_private.dataset d using (dataset_id)
  left join ampsync_private.stream w on w.shadow_of = s.stream_id
  join ampsync_private.stream m on m.stream_id = coalesce(w.stream_id, s.stream_id) -- The one that moves.
  join ampsync_private.lease l on l.stream_id = m.stream_id
 cross join lateral (
    select m.state not in ('paused', 'failed', 'orphaned')
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
comment on column ampsync.streams.rejected is 'Rows that are not in the target but in ampsync.rejects: value_policy quarantine.';
comment on column ampsync.streams.nulled is 'By column, how many values became NULL because PostgreSQL cannot hold them: value_policy null. Counts what was ever loaded; a resync begins anew.';
comment on column ampsync.streams.nuls is 'By column, in how many texts U+0000 was replaced or stripped: nul_policy. Counts as nulled does.';
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
