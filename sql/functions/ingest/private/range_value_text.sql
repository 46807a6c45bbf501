-- The SQL that reads where a record lies in the range of its source (range_value). A number counts in the unit of the
-- column that reads the field (range_column), or by its size where that names none; without such a column in the
-- format of the range.
--
-- p_record: SQL of the record, a jsonb value
create or replace function ampsync_private.range_value_text(
  p_columns jsonb,
  p_range   jsonb,
  p_record  text
)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_column jsonb := ampsync_private.range_column(p_columns, p_range);
begin
  return format('ampsync_private.range_value(%s, %L)',
                ampsync_private.value_at(p_record, ampsync_private.pointer_path(p_range ->> 'field')),
                case when v_column is null or p_range ->> 'format' = 'integer' then p_range ->> 'format'
                     else coalesce(v_column ->> 'unit', 'iso') end);
end;
$$;

comment on function ampsync_private.range_value_text(jsonb, jsonb, text)
  is 'The SQL that reads where a record lies in the range of its source.';
