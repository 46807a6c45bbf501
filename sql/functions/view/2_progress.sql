-- One row per stream, shaped like the views pg_stat_progress_*: how far its load is. During a resync
-- or an upgrade all numbers are those of the shadow, which is what loads.
--
-- An HTTP source is counted by windows if its range has a step, by records if its definition says where
-- the API tells how many there are, otherwise by pages, of which nobody knows the number. Its time of
-- arrival follows from how fast it went since its load, or the run of its windows, began.
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
                    then t.elapsed * ((v.head - m.checkpoint_block) / t.blocks::float8)
                    when m.state = 'backfill' and p.unit = 'records' and p.total >= p.done and t.records > 0
                    then t.elapsed * ((p.total - p.done) / t.records::float8)
                    when m.state = 'backfill' and p.unit = 'windows' and p.total >= p.done and p.done > 0
                    then (c.now - p.begun_at) * ((p.total - p.done) / p.done::float8) end as eta,
       v.stream_id,
       coalesce(p.unit, 'blocks') as unit,
       case when p.unit is not null then p.done
            when f.first is not null then greatest(m.checkpoint_block - f.first + 1, 0) end as done,
       case when p.unit is not null then p.total
            when v.head >= m.checkpoint_block and f.first is not null
            then greatest(v.head - f.first + 1, 0) end as total
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
           m.checkpoint_block - coalesce(m.load_from, m.origin - 1) as blocks,
           m.records - m.load_from as records
     where m.load_started is not null and not ampsync_private.is_halted(m.state)
  ) t on true
  join ampsync_private.dataset d on d.dataset_id = m.dataset_id
  left join lateral (
    select u.unit,
           case u.unit when 'records' then sum(q.records)
                       when 'pages' then sum(q.pages)
                       else coalesce(pg_catalog.ceil(sum(q.until - q.since) filter (where q.done) / u.step_us), 0)
           end::bigint as done,
           case u.unit when 'records' then case when bool_and(q.total is not null) then sum(q.total) end
                       when 'windows' then pg_catalog.ceil(
                         (extract(epoch from min(q.begun_at) filter (where q.begun_at <> '-infinity')) * 1000000
                          - coalesce(u.lag_us, 0) - min(q.since)) / u.step_us) end::bigint as total,
           min(q.begun_at) filter (where q.begun_at <> '-infinity') as begun_at
      from (select case when d.definition #> '{range,step}' is not null then 'windows'
                        when d.definition ? 'total' then 'records'
                        else 'pages' end as unit,
                   ampsync_private.interval_us(d.definition #> '{range,step}') as step_us,
                   ampsync_private.interval_us(d.definition #> '{range,lag}') as lag_us) u
      left join ampsync_private.part q on q.stream_id = m.stream_id
     group by u.unit, u.step_us, u.lag_us
  ) p on d.kind = 'http';

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
  is 'When done reaches total at the average speed since it began; null unless it loads and all that is known.';
comment on column ampsync.progress.stream_id is 'Its id in jobs and logs.';
comment on column ampsync.progress.unit
  is 'What done and total count: blocks; of an HTTP source records, pages or windows of its range.';
comment on column ampsync.progress.done is 'How many of these are loaded; of an HTTP source in its present run.';
comment on column ampsync.progress.total is 'How many there are; null while that is not known.';
