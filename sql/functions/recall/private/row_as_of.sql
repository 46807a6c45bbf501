-- One row of a table as it was at a position: see rows_as_of, which has the whole table.
--
-- data       null: there was none
-- is_as_now  it has not changed since
create or replace function ampsync_private.row_as_of(
  in  p_table    ampsync_private.published,
  in  p_key      text,
  in  p_position bigint,
  out data       jsonb,
  out is_as_now  boolean
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
as $$
declare
  v_first record;
begin
  if exists (select from ampsync_private.change_tx t
               join ampsync_private.change c on c.tx_id = t.tx_id
              where t.position > p_position
                and c.published_id = p_table.published_id
                and c.operation = 'truncate') then
    is_as_now := false;
    select r.data into data
      from ampsync_private.rows_as_of(p_table, p_position) r
     where r.row_key = p_key;
    return;
  end if;

  select c.operation, c.old_data into v_first
    from ampsync_private.change c
    join ampsync_private.change_tx t on t.tx_id = c.tx_id
   where c.published_id = p_table.published_id
     and hashtextextended(c.key, 0) = hashtextextended(p_key, 0)
     and c.key = p_key
     and t.position > p_position
     and t.kind = 'rows'
   order by t.position, c.seq
   limit 1;
  is_as_now := not found;
  if not is_as_now and v_first.operation <> 'insert' then
    if v_first.old_data is null then
      perform ampsync_private.raise_not_in_history(
                format('row %s of %I.%I is erased from the history', p_key, p_table.schema_name, p_table.table_name),
                'What it was then is not known any more.',
                format('select * from ampsync.row_history(%L, %L);',
                       format('%I.%I', p_table.schema_name, p_table.table_name), '{…}'));
    end if;
    data := v_first.old_data;
  end if;
end;
$$;

comment on function ampsync_private.row_as_of(ampsync_private.published, text, bigint)
  is 'One row of a table as it was at a position of the log.';
