-- The rows of a table as they were at a position, each with its key in the form of the log. The caller holds the
-- table still, and has checked the position.
--
-- Backwards from the table as it is: rows that changed since are what they were before their first change since, or
-- absent if that was their insert. Where the table was emptied by TRUNCATE since, which sends no rows: forwards from
-- its newest baseline before the position; SY406 if there is none. Rows whose values were erased are left out.
create or replace function ampsync_private.rows_as_of(
  p_table    ampsync_private.published,
  p_position bigint
)
  returns table (row_key text, data jsonb)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set "TimeZone" = 'UTC'
  set "DateStyle" = 'ISO, MDY'
  set "IntervalStyle" = 'postgres'
  set bytea_output = 'hex'
  set extra_float_digits = 1
as $$
#variable_conflict use_column
declare
  v_sql       record;
  v_emptied   bigint; -- Since.
  v_baseline  bigint;
  v_truncated bigint; -- The newest TRUNCATE up to the position, with its place in the transaction.
  v_seq       integer;
begin
  select max(t.position) into v_emptied
    from ampsync_private.change_tx t
    join ampsync_private.change c on c.tx_id = t.tx_id
   where t.position > p_position
     and c.published_id = p_table.published_id
     and c.operation = 'truncate';
  if v_emptied is not null then
    select max(t.position) into v_baseline
      from ampsync_private.change_tx t
     where t.kind = 'baseline'
       and t.position between p_table.rebuildable_from and p_position
       and t.details -> 'tables' @> to_jsonb(p_table.published_id);
    if v_baseline is null then
      perform ampsync_private.raise_not_in_history(
                format('%I.%I cannot be rebuilt at position %s', p_table.schema_name, p_table.table_name, p_position),
                'It was emptied by TRUNCATE since, of which no rows came, and has no baseline before.',
                format('select * from ampsync.table_as_of(%L, %s) as t(row_then jsonb);',
                       format('%I.%I', p_table.schema_name, p_table.table_name), v_emptied));
    end if;
    select t.position, c.seq into v_truncated, v_seq
      from ampsync_private.change_tx t
      join ampsync_private.change c on c.tx_id = t.tx_id
     where t.position > v_baseline
       and t.position <= p_position
       and c.published_id = p_table.published_id
       and c.operation = 'truncate'
     order by t.position desc, c.seq desc
     limit 1;
    return query
      select n.key, n.data
        from (select distinct on (c.key) c.key, c.operation, c.data
                from ampsync_private.change_tx t
                join ampsync_private.change c on c.tx_id = t.tx_id
               where t.position between v_baseline and p_position
                 and (t.kind = 'rows' or t.position = v_baseline)
                 and c.published_id = p_table.published_id
                 and c.operation <> 'truncate'
                 and (v_truncated is null or (t.position, c.seq) > (v_truncated, v_seq))
               order by c.key, t.position desc, c.seq desc) n
       where n.operation <> 'delete'
         and n.data is not null;
    return;
  end if;

  v_sql := ampsync_private.row_as_text(p_table.relation);
  return query execute format($sql$
    with since as materialized (
      select distinct on (c.key) c.key, c.operation, c.old_data
        from ampsync_private.change_tx t
        join ampsync_private.change c on c.tx_id = t.tx_id
       where t.position > $1
         and t.kind = 'rows'
         and c.published_id = $2
       order by c.key, t.position, c.seq
    ), present as (
      select %s as key, %s as data from %s r
    )
    select s.key, s.old_data
      from since s
     where s.operation <> 'insert'
       and s.old_data is not null
    union all
    select p.key, p.data
      from present p
     where not exists (select from since s where s.key = p.key)
    $sql$, v_sql.key_sql, v_sql.data_sql, p_table.relation)
    using p_position, p_table.published_id;
end;
$$;

comment on function ampsync_private.rows_as_of(ampsync_private.published, bigint)
  is 'The rows of a table as they were at a position of the log.';
