-- The key of a row on which the filter of a shape fails, as the log spells it; null where there is none. Looks at row
-- after row, so it is asked only where the filter failed on some row.
create or replace function ampsync_private.failing_row(
  p_shape ampsync_private.shape,
  p_table ampsync_private.published
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_source text := ampsync_private.table_source(p_table.relation);
  v_row    record;
  v_is     boolean;
begin
  if p_shape.filter is null then
    return null;
  end if;
  for v_row in
    execute format('select r.tableoid as relation, r.ctid as place, %s as key from %s r',
                   (ampsync_private.row_as_text(p_table.relation)).key_sql, v_source)
  loop
    begin
      execute format('select (%s) from %s x where x.tableoid = $1 and x.ctid = $2', p_shape.filter, v_source)
        into v_is using v_row.relation, v_row.place;
    exception
      when others then
        if ampsync_private.is_error_of_row(sqlstate) then
          return v_row.key;
        end if;
        raise;
    end;
  end loop;
  return null;
end;
$$;

comment on function ampsync_private.failing_row(ampsync_private.shape, ampsync_private.published)
  is 'The key of a row on which the filter of a shape fails.';
