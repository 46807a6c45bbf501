-- What has to be written so that a table is what it was at a position: rows to be deleted first, rows to be inserted,
-- then others. Columns that a former row does not have do not count. The caller holds the table still.
create or replace function ampsync_private.table_difference(
  p_table    ampsync_private.published,
  p_position bigint
)
  returns table (operation text, row_key jsonb, old_data jsonb, data jsonb)
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
  v_sql record := ampsync_private.row_as_text(p_table.relation);
begin
  return query execute format($sql$
    select case when n.key is null then 'insert' when w.row_key is null then 'delete' else 'update' end,
           coalesce(n.key, w.row_key)::jsonb, n.data, w.data
      from ampsync_private.rows_as_of($1, $2) w
      full join (select %s as key, %s as data from %s r) n on n.key = w.row_key
     where n.key is null
        or w.row_key is null
        or not n.data @> w.data
     order by 1, 2
    $sql$, v_sql.key_sql, v_sql.data_sql, p_table.relation)
    using p_table, p_position;
end;
$$;

comment on function ampsync_private.table_difference(ampsync_private.published, bigint)
  is 'What has to be written so that a table is what it was at a position.';
