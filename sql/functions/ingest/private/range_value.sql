-- Where a record lies in the range of its source: microseconds since 1970, or with the format
-- `integer` that integer. Null for what cannot be read; never an error, for a record without a
-- readable value is stored all the same, and moves nothing.
--
-- p_format: that of the range's parameters, or the unit of a column. A number counts in it if it is `s`, `ms`, `us` or
-- `ns`.
create or replace function ampsync_private.range_value(
  p_value  jsonb,
  p_format text
)
  returns numeric
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := p_value #>> '{}';
begin
  if p_format <> 'integer' then
    return trunc(extract(epoch from ampsync_private.read_instant(
             p_value, case when p_format in ('s', 'ms', 'us', 'ns') then p_format end)) * 1000000);
  elsif jsonb_typeof(p_value) in ('number', 'string') and ampsync_private.is_json_number(v_text)
        and v_text !~ '[eE].?[0-9]{4}' and v_text::numeric = trunc(v_text::numeric) then
    return trunc(v_text::numeric);
  end if;
  return null;
end;
$$;

comment on function ampsync_private.range_value(jsonb, text)
  is 'Where a record lies in the range of its source; null for what cannot be read.';
