-- The instant that a JSON value names (to_timestamptz); null for what is no time, never an error.
create or replace function ampsync_private.read_instant(
  p_value jsonb,
  p_unit  text
)
  returns timestamptz
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text := jsonb_typeof(p_value);
  v_text text := p_value #>> '{}';
begin
  if v_type = 'string' and substr(v_text, 5, 1) = '-' then
    return ampsync_private.iso_instant(v_text);
  elsif v_type = 'number'
        or v_type = 'string' and ampsync_private.is_json_number(v_text) and v_text !~ '[eE].?[0-9]{4}' then
    return ampsync_private.unix_instant(v_text::numeric, p_unit);
  elsif v_type = 'string' then
    return ampsync_private.iso_instant(v_text);
  end if;
  return null;
end;
$$;

comment on function ampsync_private.read_instant(jsonb, text)
  is 'The instant that a JSON value names; null for what is no time.';
