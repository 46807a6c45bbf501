-- Those of the transactions by which partitions were emptied (p_found, as read_form gives it) that truncate the table
-- in the log, as the records of tables name them (xid).
create or replace function ampsync_private.truncating_xids(
  p_published_id integer,
  p_found        jsonb
)
  returns text[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_near xid8 := pg_snapshot_xmax(pg_current_snapshot());
begin
  return array(
    select distinct l.leaf ->> 'emptied_by'
      from jsonb_each(p_found -> 'storage' -> 'leaves') l(oid, leaf)
      join ampsync_private.change_tx t
        on t.xid = ampsync_private.nearest_xid8((l.leaf ->> 'emptied_by')::bigint, v_near)
      join ampsync_private.change c
        on c.tx_id = t.tx_id
     where l.leaf ->> 'emptied_by' is not null
       and c.published_id = p_published_id
       and c.operation = 'truncate'
       and hashtextextended(c.key, 0) is null); -- As the index has it: a truncation has no key.
end;
$$;

comment on function ampsync_private.truncating_xids(integer, jsonb)
  is 'The transactions that emptied partitions and truncate the table in the log.';
