-- One row per stream, shaped like the views pg_stat_progress_*: how far its load is. During a resync
-- or an upgrade all numbers are those of the shadow, which is what loads.
create or replace view ampsync.progress as
select v.dataset,
       v.table_name,
       v.target,
       case when w.stream_id is not null and v.state <> 'resyncing' then 'upgrading' else v.state end as phase,
       m.checkpoint_block as block,
       v.head,
       case when f.first is not null then greatest(m.checkpoint_block - f.first + 1, 0) end as blocks_done,
       case when v.head >= m.checkpoint_block and f.first is not null
            then greatest(v.head - f.first + 1, 0) end as blocks_total,
       m.row_total as rows,
       z.bytes,
       v.rows_per_s,
       t.started,
       t.elapsed,
       c.now + case when m.state = 'backfill' and v.head >= m.checkpoint_block
                     and m.checkpoint_block >= m.from_block and t.blocks > 0
                    then t.elapsed * ((v.head - m.checkpoint_block) / t.blocks::float8) end as eta,
       v.stream_id
  from ampsync.streams v
 cross join lateral (select ampsync_private.now() as now) c
  left join ampsync_private.stream w on w.shadow_of = v.stream_id and w.state <> 'former'
  join ampsync_private.stream m on m.stream_id = coalesce(w.stream_id, v.stream_id) -- The stream that moves.
 cross join lateral (select m.origin + greatest(m.from_block - m.origin, 0) as first) f
  -- As last counted, because asking for the size of a file would wait for whoever has locked the table.
  left join lateral (
    select nullif(k.relpages::bigint + coalesce(o.relpages, 0), 0)
             * pg_catalog.current_setting('block_size')::bigint as bytes
      from pg_catalog.pg_class k
      left join pg_catalog.pg_class o on o.oid = k.reltoastrelid
     where k.oid = m.target
  ) z on true
  left join lateral (
    select m.load_started as started,
           greatest(c.now - m.load_started, interval '0') as elapsed,
           m.checkpoint_block - coalesce(m.load_from, m.origin - 1) as blocks
     where m.load_started is not null and not ampsync_private.is_halted(m.state)
  ) t on true;

comment on view ampsync.progress
  is 'One row per table: how far its load is and when it will be over. During a resync or an upgrade: of the new rows.';
comment on column ampsync.progress.dataset is 'Dataset, as it was enqueued.';
comment on column ampsync.progress.table_name is 'Table of the dataset.';
comment on column ampsync.progress.target is 'Table in this database.';
comment on column ampsync.progress.phase
  is 'Its state, as in ampsync.streams; upgrading while another version is built beside it.';
comment on column ampsync.progress.block is 'Last block that is loaded.';
comment on column ampsync.progress.head is 'Last block that the server is known to have, as in ampsync.streams.';
comment on column ampsync.progress.blocks_done is 'Blocks from the first one that is loaded (see from_block) to block.';
comment on column ampsync.progress.blocks_total
  is 'Blocks from the first one that is loaded to head; null while either is unknown, or if it is below the block.';
comment on column ampsync.progress.rows is 'Rows that are loaded.';
comment on column ampsync.progress.bytes
  is 'Size of the rows in the database, without indexes, when VACUUM or ANALYZE last counted it; null before.';
comment on column ampsync.progress.rows_per_s is 'Rows per second since the last heartbeat (5 s).';
comment on column ampsync.progress.started
  is 'When this load began, fell behind the head or was resumed; null while none is under way.';
comment on column ampsync.progress.elapsed is 'Time since then.';
comment on column ampsync.progress.eta
  is 'When block reaches head at the average speed since started; null unless it loads and all that is known.';
comment on column ampsync.progress.stream_id is 'Its id in jobs and logs.';
