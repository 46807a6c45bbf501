-- The log after a position: whole transactions in their order, a row for each change, each range of blocks
-- and each entry about tables. Whoever keeps `epoch` and `position` of the last row, and calls again with
-- them, misses nothing and sees nothing twice.
--
-- after      the last position that was seen; 0: from the beginning
-- epoch      what it was seen with. A restored, copied or promoted server may not have what was seen: without
--            it that is found only where the position is above the head
-- max_rows, max_bytes  the transaction that reaches one of them is the last. It is whole, whatever its size:
--            read large ones by a cursor
--
-- Refused (SY406) where the log does not go on from there: the tables are to be read anew, and the log from
-- the position that they are read at.
create or replace function ampsync.read_changes(
  after     bigint,
  epoch     uuid default null,
  max_rows  integer default 1000,
  max_bytes bigint default 16777216
)
  returns table (
    "position" bigint, epoch_id uuid, kind text, table_name text, operation text, key text, data jsonb, old_data jsonb,
    metadata jsonb, details jsonb, lsn pg_lsn, transaction_id xid8, committed_at timestamptz, schema_version text,
    client_id uuid, source text
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_epoch uuid := ampsync_private.check_cursor(read_changes.after, read_changes.epoch);
begin
  return query
  with page as (
    select t.*,
           sum(greatest(t.changes, 1)) over w - greatest(t.changes, 1) as rows_before,
           sum(t.bytes) over w - t.bytes as bytes_before
      from (select *
              from ampsync_private.change_tx n
             where n.position > read_changes.after
               and n.kind <> 'baseline' -- Rows that were there before.
             order by n.position
             limit greatest(read_changes.max_rows, 1)) t
    window w as (order by t.position)
  )
  select t.position, v_epoch, t.kind, format('%I.%I', p.schema_name, p.table_name), c.operation, c.key, c.data,
         c.old_data, c.metadata, t.details, t.lsn, t.xid, t.committed_at, t.schema_version, t.client_id, t.source
    from page t
    left join lateral (
      select r.seq, r.published_id, r.operation, r.key, r.data, r.old_data, r.metadata
        from ampsync_private.change r
       where r.tx_id = t.tx_id
       union all
      select 0, b.published_id, b.operation, null, ampsync_private.block_data(b), null, null
        from ampsync_private.change_block b
       where b.position = t.position
       union all
      select e.n::integer, e.id::integer, t.kind, null, null, null, null
        from jsonb_array_elements_text(t.details -> 'tables') with ordinality e(id, n)
       where t.kind in ('schema', 'floor')) c on true
    left join ampsync_private.published p using (published_id)
   where t.rows_before < greatest(read_changes.max_rows, 1)
     and (t.bytes_before < read_changes.max_bytes or t.rows_before = 0)
   order by t.position, c.seq, p.published_id;
end;
$$;

comment on function ampsync.read_changes(bigint, uuid, integer, bigint)
  is 'The log after a position: whole transactions, in the order in which they became visible.';
