-- Which version of its dataset the rows of each table come from, by block.
create or replace view ampsync.version_history as
select d.label as dataset,
       s.table_name,
       v.version,
       v.manifest_hash,
       v.first_block,
       lead(v.first_block) over (partition by v.stream_id order by v.first_block) - 1 as last_block,
       v.started_at,
       v.stream_id
  from ampsync_private.version_history v
  join ampsync_private.stream s using (stream_id)
  join ampsync_private.dataset d using (dataset_id)
 where s.shadow_of is null;

comment on view ampsync.version_history
  is 'Which version of its dataset the rows of each table come from, by block.';
comment on column ampsync.version_history.dataset is 'Dataset, as it was enqueued.';
comment on column ampsync.version_history.table_name is 'Table of the dataset.';
comment on column ampsync.version_history.version is 'Version that the rows come from; null if the server names none.';
comment on column ampsync.version_history.manifest_hash is 'Hash of its manifest; null if the server does not tell it.';
comment on column ampsync.version_history.first_block
  is 'First block whose rows come from it; 0 for a table that began with it.';
comment on column ampsync.version_history.last_block
  is 'Last block whose rows come from it; null for the version that is read now.';
comment on column ampsync.version_history.started_at is 'When it was first read for these blocks.';
comment on column ampsync.version_history.stream_id is 'Its id in jobs and logs.';
