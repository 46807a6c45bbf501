-- Refuses, with 25001, a row that is not what the log had of it last: this transaction has deleted or inserted it
-- itself. What the log had before the table could last be rebuilt is no measure.
create or replace function ampsync_private.check_row_logged(
  p_table ampsync_private.published,
  p_key   text,
  p_row   jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
as $$
declare
  v_last record;
begin
  select c.operation, c.data into v_last
    from ampsync_private.change c
    join ampsync_private.change_tx t on t.tx_id = c.tx_id
   where c.published_id = p_table.published_id
     and hashtextextended(c.key, 0) = hashtextextended(p_key, 0)
     and c.key = p_key
     and t.position > p_table.rebuildable_from
     and (c.operation = 'delete' or c.data is not null) -- Not erased.
   order by t.position desc, c.seq desc
   limit 1;
  if found and (v_last.operation = 'delete' and p_row is not null
                or v_last.operation <> 'delete' and (p_row is null or not p_row @> v_last.data)) then
    perform ampsync_private.raise_row_written(p_table, p_key);
  end if;
end;
$$;

comment on function ampsync_private.check_row_logged(ampsync_private.published, text, jsonb)
  is 'Refuse a row that is not what the log had of it last.';
