-- A JSON value as a time: a number since 1970 (unix_instant), also as a text, or an ISO 8601 text
-- (iso_instant). Null for null. It depends on no setting of the session.
--
-- p_unit: of numbers, `s`, `ms`, `us` or `ns`; null: by their size
create or replace function ampsync_private.to_timestamptz(
  p_value jsonb,
  p_unit  text default null
)
  returns timestamptz
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_text    text := p_value #>> '{}';
  v_instant timestamptz := ampsync_private.read_instant(p_value, p_unit);
begin
  if v_instant is null and v_text is not null then
    raise exception using
      errcode = '22007',
      message = format('%s is no time', left(p_value::text, 200)),
      detail  = case when p_unit is null and v_text ~ '^-?([0-9]{8}|[0-9]{14})([.]|$)'
                  then 'A number of 8 or 14 digits may be a date, or count since 1970.'
                  else 'Times are ISO 8601 texts, or numbers since 1970.' end,
      hint    = case when p_unit is null and v_text ~ '^-?([0-9]{8}|[0-9]{14})([.]|$)'
                  then 'Give the column a "unit": s, ms, us or ns; or map it to text.'
                  else 'Map the column to text: a view can read it.' end;
  end if;
  return v_instant;
end;
$$;

comment on function ampsync_private.to_timestamptz(jsonb, text)
  is 'A JSON value as a time, independent of all settings; an error for what is no time.';
