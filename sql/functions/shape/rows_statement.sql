-- The statement by which an instance of a shape is read without shape_rows, whose rows PostgreSQL stores before it
-- gives them: twice as fast for many rows. Null where the caller may not read the table, or row level security would
-- restrict it.
--
-- p_key  of the instance; null: all
--
-- It is to run with the settings of shape_rows, in the caller's snapshot.
create or replace function ampsync_worker.rows_statement(
  p_shape integer,
  p_key   text
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_found record := ampsync_private.readable_shape(p_shape);
  v_table regclass := (v_found.published).relation;
begin
  if not has_table_privilege(v_table, 'select')
     or not has_schema_privilege((select c.relnamespace from pg_class c where c.oid = v_table), 'usage')
     or row_security_active(v_table) then
    return null;
  end if;
  return ampsync_private.shape_select(v_found.shape, v_found.published, v_found.columns, null,
                                      case when p_key is not null then array[p_key] end);
end;
$$;

comment on function ampsync_worker.rows_statement(integer, text)
  is 'The statement by which an instance of a shape is read without shape_rows.';
