-- Every change of a row of a captured table, as far back as the log goes, in the order of the log: what it was before
-- and after, when, and by which client. The row is followed through changes of its key; a key that another row has
-- had as well shows the changes of both. A TRUNCATE of the table, which ends it without its values, is among
-- them, with its key null. What ampsync.erase_history has erased is null.
--
-- target  the table with its schema; it may be gone
-- key     {"id": "…"}: each column of the primary key
--
-- Values are PostgreSQL's text forms. Needs SELECT on the table, and is refused (42501) to whom its row level
-- security would restrict. SY401 if the table was never published.
create or replace function ampsync.row_history(
  target text,
  key    jsonb
)
  returns table (
    "position"     bigint,
    committed_at   timestamptz,
    operation      text,
    row_key        jsonb,
    old_data       jsonb,
    data           jsonb,
    client_id      uuid,
    source         text,
    transaction_id text,
    schema_version text,
    metadata       jsonb
  )
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_ids  integer[] := ampsync_private.table_history(row_history.target);
  v_keys text[];
begin
  v_keys := array(select ampsync_private.keys_of_row(v_ids,
                           ampsync_private.history_key(v_ids[1], row_history.key)));
  return query
    with changes as materialized (
      select c.*
        from unnest(v_keys) k(key)
        join ampsync_private.change c
          on c.published_id = any (v_ids)
         and hashtextextended(c.key, 0) = hashtextextended(k.key, 0)
         and c.key = k.key
      union all
      select c.*
        from ampsync_private.change c
       where c.published_id = any (v_ids)
         and hashtextextended(c.key, 0) is null -- By the same index.
         and c.operation = 'truncate'
    ), entries as materialized (
      select t.position, t.committed_at, c.operation, c.key, c.old_data, c.data, t.client_id, t.source, t.xid,
             t.schema_version, c.metadata, c.seq
        from changes c
        join ampsync_private.change_tx t on t.tx_id = c.tx_id
    )
    select e.position, e.committed_at, e.operation, e.key::jsonb, e.old_data, e.data, e.client_id, e.source,
           e.xid::text, e.schema_version, e.metadata
      from entries e
     where (e.position, e.seq) >= (select o.position, o.seq
                                     from entries o
                                    where o.operation <> 'truncate'
                                    order by o.position, o.seq
                                    limit 1)
     order by e.position, e.seq;
end;
$$;

comment on function ampsync.row_history(text, jsonb)
  is 'Every change of a row of a captured table: what it was, when, and by whom.';
