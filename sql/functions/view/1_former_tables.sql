-- The tables that the last upgrade of each dataset replaced and that are still there: they do
-- not change, and ampsync.rollback_version brings them back.
create or replace view ampsync.former_tables as
select d.label as dataset,
       s.table_name,
       pg_catalog.format('%I.%I', n.nspname, c.relname) as former_table,
       coalesce(s.version, s.manifest_hash) as version,
       s.checkpoint_block as block,
       s.row_total as rows,
       f.replaced_at,
       f.replaced_at + r.former_age as kept_until,
       pg_catalog.format('select ampsync.rollback_version(%L);', d.label) as hint
  from ampsync_private.former f
  join ampsync_private.dataset d using (dataset_id)
  join ampsync_private.stream s on s.dataset_id = f.dataset_id and s.state = 'former'
 cross join ampsync_private.retention r
  left join pg_catalog.pg_class c on c.oid = s.target
  left join pg_catalog.pg_namespace n on n.oid = c.relnamespace;

comment on view ampsync.former_tables
  is 'The tables that the last upgrade of each dataset replaced, and until when they can be brought back.';
comment on column ampsync.former_tables.dataset is 'Dataset, as it was enqueued.';
comment on column ampsync.former_tables.table_name is 'Table of the dataset.';
comment on column ampsync.former_tables.former_table is 'Table in this database that has the former rows.';
comment on column ampsync.former_tables.version is 'Version that its rows come from.';
comment on column ampsync.former_tables.block is 'Last block that it has.';
comment on column ampsync.former_tables.rows is 'Rows in it.';
comment on column ampsync.former_tables.replaced_at is 'When the upgrade replaced it.';
comment on column ampsync.former_tables.kept_until is 'When it is dropped: see ampsync.set_retention.';
comment on column ampsync.former_tables.hint is 'What brings it back.';
