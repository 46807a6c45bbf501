-- What is known of a record that PostgreSQL refuses, added to what is known of the refusal: the record,
-- and the column to blame with its value, if one alone is to blame.
--
-- p_bad     {"sqlstate", "reason", "column"}: the error, with the column that it names
-- p_record  its text
-- p_values  see bad_columns, which finds all columns that fail: they are returned as "columns". Null: they
--           are not tried
create or replace function ampsync_private.bad_record(
  p_stream ampsync_private.stream,
  p_bad    jsonb,
  p_record text,
  p_values text[]
)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_values  jsonb := ampsync_private.read_record(p_record);
  v_columns jsonb := '[]';
begin
  if p_values is not null then
    select coalesce(jsonb_agg(jsonb_build_object('column', c.column_name, 'sqlstate', c.code, 'value', c.value,
                                                 'reason', left(c.reason, 500))), '[]')
      into strict v_columns
      from ampsync_private.bad_columns(p_stream.columns, p_values, v_values) c;
  end if;
  return p_bad || jsonb_build_object('values', v_values, 'columns', v_columns) || coalesce(v_columns -> 0, '{}');
end;
$$;

comment on function ampsync_private.bad_record(ampsync_private.stream, jsonb, text, text[])
  is 'What is known of a record that PostgreSQL refuses.';
