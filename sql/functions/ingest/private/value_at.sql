-- The SQL that reads what lies at a path of a jsonb value: as jsonb, or as text. #> alone would take
-- the part -1 of an array for its last element, and 01 for the second; in JSON Pointer such a part is
-- the name of a field, and nothing of an array, as it is for -> with a text. A path of one name is read by ->, which
-- takes half as long.
--
-- p_root: SQL of the value. What comes back may need parentheses around it.
create or replace function ampsync_private.value_at(
  p_root    text,
  p_path    text[],
  p_as_text boolean default false
)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_sql   text := p_root;
  v_plain text[] := '{}'; -- Parts that are not in v_sql yet.
  v_part  text;
begin
  foreach v_part in array p_path
  loop
    if v_part ~ E'^[ \\t\\n\\v\\f\\r]*[+-]?[0-9]+$' and v_part !~ '^(?:0|[1-9][0-9]*)$' then
      v_sql := format('%s -> %L::text', case when v_plain = '{}' then v_sql
                                             else format('%s #> %L::text[]', v_sql, v_plain) end, v_part);
      v_plain := '{}';
    else
      v_plain := v_plain || v_part;
    end if;
  end loop;
  if cardinality(v_plain) = 1 and v_plain[1] !~ '^[0-9]+$' then
    return format(case when p_as_text then '%s ->> %L::text' else '%s -> %L::text' end, v_sql, v_plain[1]);
  end if;
  return case when p_as_text then format('%s #>> %L::text[]', v_sql, v_plain)
              when v_plain = '{}' then v_sql
              else format('%s #> %L::text[]', v_sql, v_plain) end;
end;
$$;

comment on function ampsync_private.value_at(text, text[], boolean)
  is 'The SQL that reads what lies at a path of a jsonb value.';
