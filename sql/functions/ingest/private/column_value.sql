-- The SQL that makes the value of a column from a record. What a type does not take is an error of
-- class 22, under all settings of the session alike.
--
-- p_column: {"name", "type", "from", "unit"}, as in stream.columns
-- p_record: SQL of the record, a jsonb value
create or replace function ampsync_private.column_value(
  p_column jsonb,
  p_record text
)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_path  text[] := ampsync_private.pointer_path(p_column ->> 'from');
  v_json  text := ampsync_private.value_at(p_record, v_path);
  v_text  text := ampsync_private.value_at(p_record, v_path, true);
  v_exact text := format('case jsonb_typeof(%1$s) when ''number'' then (%1$s)::numeric when ''null'' then null '
                         'else ampsync_private.to_numeric(%1$s) end', v_json);
begin
  return case p_column ->> 'type'
    when 'text' then v_text
    when 'smallint' then format('trim_scale(%s)::text::smallint', v_exact) -- As a text: otherwise 1.5 would be 2.
    when 'integer' then format('trim_scale(%s)::text::integer', v_exact)
    when 'bigint' then format('trim_scale(%s)::text::bigint', v_exact)
    when 'numeric' then v_exact
    when 'double precision' then format('(%s)::double precision', v_exact)
    when 'boolean' then format('(%s)::boolean', v_text)
    when 'uuid' then format('(%s)::uuid', v_text)
    when 'date' then format('ampsync_private.to_date(%s)', v_json)
    when 'bytea' then format('ampsync_private.to_bytea(%s, %L)', v_json, p_column ->> 'unit')
    when 'jsonb' then format('nullif(%s, ''null'')', v_json)
    when 'timestamptz' then ampsync_private.instant_text(v_json, v_text, p_column ->> 'unit')
  end;
end;
$$;

comment on function ampsync_private.column_value(jsonb, text)
  is 'The SQL that makes the value of a column from a record.';
