-- Rows that were left out of their targets because PostgreSQL cannot hold one of their values,
-- or a constraint forbids them. Written and removed together with the rows of the same blocks.
-- Rows that a resync rejects appear once its rows are merged.
--
-- Values, and reasons, which may quote them, are for those who may read all rows of the target: a
-- view asks for its reader.
create or replace view ampsync.rejects as
select d.label as dataset,
       s.table_name,
       r.block,
       r.row_number,
       r.column_name,
       r.sqlstate,
       case when v.may_read then r.reason end as reason,
       case when v.may_read then r.row_values end as row_values,
       r.rejected_at,
       r.reject_id
  from ampsync_private.reject r
  join ampsync_private.stream s using (stream_id)
  join ampsync_private.dataset d using (dataset_id)
 cross join lateral (
   select has_table_privilege(s.target, 'select') and not row_security_active(s.target) as may_read
 ) v
 where s.shadow_of is null;

comment on view ampsync.rejects is 'Rows that were left out of their targets by value_policy quarantine, and why.';
comment on column ampsync.rejects.dataset is 'Dataset, as it was enqueued.';
comment on column ampsync.rejects.table_name is 'Table of the dataset.';
comment on column ampsync.rejects.block
  is 'Block of the row; for tables without _block_num the last block of the range it came with; of an HTTP source the '
     'page of its run, from 1.';
comment on column ampsync.rejects.row_number
  is 'Its position, from 0: in its record batch or, if PostgreSQL refused the row, in its microbatch.';
comment on column ampsync.rejects.column_name
  is 'Column of the value; null if PostgreSQL refused the row without naming one.';
comment on column ampsync.rejects.sqlstate
  is 'SY203 if the value was found before it was sent, else the SQLSTATE of PostgreSQL.';
comment on column ampsync.rejects.reason
  is 'What is wrong. Null for whoever may not read the target, or not all of its rows.';
comment on column ampsync.rejects.row_values
  is 'The row by column, as far as JSON can express it: U+0000 as U+FFFD, values without JSON as text. Null if too '
     'much was rejected in one transaction, and for whoever may not read the target, or not all of its rows.';
comment on column ampsync.rejects.rejected_at is 'When the row was rejected.';
comment on column ampsync.rejects.reject_id is 'Rises with time.';
