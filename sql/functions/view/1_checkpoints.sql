-- The checkpoints of all streams. The view _ampsync_checkpoints in each target schema shows the
-- first eight columns for the tables of that schema, by the names that they have there.
create or replace view ampsync.checkpoints as
select s.table_name,
       s.network,
       s.checkpoint_block as incremental_block_num,
       s.committed_at     as incremental_updated_at,
       s.checkpoint_block as watermark_block_num,
       s.checkpoint_hash  as watermark_block_hash,
       s.committed_at     as watermark_updated_at,
       s.committed_at     as updated_at,
       s.target_schema,
       d.label as dataset,
       s.target_table
  from ampsync_private.stream s
  join ampsync_private.dataset d using (dataset_id)
 where s.checkpoint_block is not null
   and s.shadow_of is null;

comment on view ampsync.checkpoints is 'How far each table is durably synced; moves in the transaction of its rows.';
comment on column ampsync.checkpoints.table_name is 'Table of the dataset.';
comment on column ampsync.checkpoints.network is 'Network of the blocks.';
comment on column ampsync.checkpoints.incremental_block_num
  is 'Highest block whose rows, and all rows before it, are committed.';
comment on column ampsync.checkpoints.incremental_updated_at is 'When that block was committed.';
comment on column ampsync.checkpoints.watermark_block_num
  is 'End of the last finished microbatch; the stream resumes here.';
comment on column ampsync.checkpoints.watermark_block_hash is 'Hash of that block, 32 bytes.';
comment on column ampsync.checkpoints.watermark_updated_at is 'When that microbatch was committed.';
comment on column ampsync.checkpoints.updated_at is 'The later of both times.';
comment on column ampsync.checkpoints.target_schema is 'Schema of the target table.';
comment on column ampsync.checkpoints.dataset is 'Dataset that feeds the table.';
comment on column ampsync.checkpoints.target_table is 'Name of the table in the target schema.';
