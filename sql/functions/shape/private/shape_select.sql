-- The statement that reads what a shape holds: the key of the instance of each row, then the columns that clients have,
-- in the types that they have there, in the order of the primary key. Of a dataset's table no block below the window.
--
-- p_columns  of the table, as the statement will find them (present_columns)
-- p_ranges   of blocks, [["100", "101"], ["105", null]]: the last one to the end; null: all
-- p_keys     of instances; null: all
--
-- Texts of values are those of the session's settings. Names stand in full: it runs under any search_path.
create or replace function ampsync_private.shape_select(
  p_shape   ampsync_private.shape,
  p_table   ampsync_private.published,
  p_columns jsonb,
  p_ranges  jsonb,
  p_keys    text[]
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select format(E'select %s as ampsync_instance, %s\n  from %s x\n where %s\n order by %s',
                  ampsync_private.instance_key_sql(p_shape.bind),
                  ampsync_private.client_values_sql(p_shape, p_columns),
                  ampsync_private.table_source(p_table.relation),
                  concat_ws(E'\n   and ',
                            ampsync_private.instances_sql(p_shape, p_columns, p_keys),
                            '(' || p_shape.filter || ')',
                            ampsync_private.window_sql(p_shape, p_table, p_ranges),
                            'true'),
                  (select string_agg(format('x.%I', a.attname), ', ' order by k.n)
                     from pg_index i
                    cross join unnest(ampsync_private.index_key_columns(i.indexrelid)) with ordinality k(attnum, n)
                     join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
                    where i.indrelid = p_table.relation
                      and i.indisprimary)));
end;
$$;

comment on function ampsync_private.shape_select(
  ampsync_private.shape, ampsync_private.published, jsonb, jsonb, text[]
)
  is 'The statement that reads what a shape holds.';
