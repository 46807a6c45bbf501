-- A JSON text as a day: YYYY-MM-DD, or an ISO 8601 time, of which the day as it is written counts.
-- Null for null. It depends on no setting of the session, nor on what day it is.
create or replace function ampsync_private.to_date(
  p_value jsonb
)
  returns date
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := p_value #>> '{}';
begin
  if v_text is null then
    return null;
  elsif jsonb_typeof(p_value) <> 'string' or ampsync_private.iso_instant(v_text) is null then
    raise exception using
      errcode = '22007',
      message = format('%s is no date', left(p_value::text, 200)),
      detail  = 'Dates are YYYY-MM-DD, or ISO 8601 times.',
      hint    = 'Map the column to text: a view can read it.';
  end if;
  v_text := replace(v_text, '-', '');
  return make_date(left(v_text, 4)::integer, substr(v_text, 5, 2)::integer, substr(v_text, 7, 2)::integer);
end;
$$;

comment on function ampsync_private.to_date(jsonb)
  is 'A JSON text as a day, independent of all settings; an error for what is no day.';
