-- A JSON number, or a text that is one, as numeric: exactly, its scale too. Null for null.
create or replace function ampsync_private.to_numeric(
  p_value jsonb
)
  returns numeric
  language plpgsql
  immutable
  strict
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := p_value #>> '{}';
begin
  if v_text is null
     or jsonb_typeof(p_value) = 'number'
     or jsonb_typeof(p_value) = 'string' and ampsync_private.is_json_number(v_text) then
    return v_text::numeric;
  end if;
  raise exception using
    errcode = '22P02',
    message = format('%s is no number', left(p_value::text, 200)),
    detail  = 'Numbers are those of JSON, or texts that are such.',
    hint    = 'Map the column to text: a view can read it.';
end;
$$;

comment on function ampsync_private.to_numeric(jsonb)
  is 'A JSON number, or a text that is one, as numeric; an error for what is no number.';
