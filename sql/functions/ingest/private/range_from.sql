-- Where the first run of a source with a range begins, in microseconds since 1970, or the integer
-- that the range counts in; floored to the granule of the format. A time is ISO 8601 text, in UTC
-- where it has no offset; for `s` and `ms` also the number. Null for what is neither.
create or replace function ampsync_private.range_from(
  p_range jsonb
)
  returns numeric
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
  set timezone = 'UTC'
  set datestyle = 'ISO, YMD'
as $$
declare
  v_format  constant text := p_range ->> 'format';
  v_granule constant bigint := ampsync_private.range_granule(v_format);
  v_from    constant text := p_range ->> 'from';
begin
  if v_format in ('integer', 's', 'ms') and v_from ~ '^-?[0-9]{1,30}$' then
    return v_from::numeric * v_granule;
  elsif v_format <> 'integer' and jsonb_typeof(p_range -> 'from') = 'string'
        and v_from ~ ('^[0-9]{4}-[0-9]{2}-[0-9]{2}'
                      '([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$') then
    return floor(extract(epoch from v_from::timestamptz) * 1000000 / v_granule) * v_granule;
  end if;
  return null;
exception
  when data_exception then
    return null;
end;
$$;

comment on function ampsync_private.range_from(jsonb)
  is 'Where the first run of a source with a range begins; null for what is neither a time nor an integer.';
