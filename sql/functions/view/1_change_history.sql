-- Every change of a row of a captured table, and every range of blocks that changed in a published table of a
-- dataset. What belongs to an entry is looked up for each entry, so that the newest entries, a time and a client are
-- found by an index without all others.
create or replace view ampsync.change_history as
select (lpad(to_hex(t.position), 16, '0') || lpad(to_hex(c.seq), 16, '0'))::uuid as id,
       t.lsn::text as lsn,
       format('%I.%I', p.schema_name, p.table_name) as table_name,
       c.operation,
       c.data,
       c.old_data,
       t.xid::text as transaction_id,
       t.schema_version,
       t.committed_at at time zone 'UTC' as "timestamp",
       jsonb_strip_nulls(jsonb_build_object(
         'position', t.position, 'xid8', t.xid::text, 'kind', t.kind, 'source', t.source, 'table_oid', p.relation::oid,
         'table', (select s.details -> 'renamed' ->> p.published_id::text
                     from ampsync_private.change_tx s
                    where s.kind = 'schema'
                      and s.details ? 'renamed'
                      and s.position > t.position
                      and s.details -> 'renamed' ? p.published_id::text
                    order by s.position
                    limit 1),
         'key', c.key::jsonb,
         'key_columns', case p.mode when 'rows' then jsonb_path_query_array(p.columns, '$[*] ? (@.key == true).name')
                        end)) || coalesce(c.metadata, '{}') as metadata,
       t.client_id::text as client_id
  from ampsync_private.change_tx t
 cross join lateral (
   select r.seq, r.published_id, r.operation, r.key, r.data, r.old_data, r.metadata
     from ampsync_private.change r
    where r.tx_id = t.tx_id
   union all
   select b.published_id, b.published_id, b.operation, null, ampsync_private.block_data(b), null, null
     from ampsync_private.change_block b
    where b.position = t.position) c
  join ampsync_private.published p using (published_id);

comment on view ampsync.change_history
  is 'The history of published tables: changes of rows, and ranges of blocks that changed in tables of datasets.';
comment on column ampsync.change_history.id is 'Position in the log and place in its transaction: unique, in order.';
comment on column ampsync.change_history.lsn
  is 'Place in WAL, as text, which does not sort: order by metadata ->> ''position'', filter by ampsync.position_at.';
comment on column ampsync.change_history.table_name
  is 'schema.table, as it is called now; the name of the time is in metadata, where it was another one.';
comment on column ampsync.change_history.operation
  is 'insert, update, delete, truncate; of tables of datasets append, reorg, repair, resync.';
comment on column ampsync.change_history.data
  is 'The new row: each value null or a string with its text form; of tables of datasets from_block, to_block, rows.';
comment on column ampsync.change_history.old_data is 'The row before; null if there was none, or it is not known.';
comment on column ampsync.change_history.transaction_id is 'The xid of its transaction.';
comment on column ampsync.change_history.schema_version is 'Of the application''s schema, at that position.';
comment on column ampsync.change_history."timestamp" is 'When it was committed, in UTC.';
comment on column ampsync.change_history.metadata
  is 'position, xid8, kind, source; table_oid, key, key_columns; unchanged, moved, baseline where they apply.';
comment on column ampsync.change_history.client_id is 'The client whose write it was; null for any other.';
