-- The microseconds of an interval in the definition of an HTTP source, such as "10 minutes". Null
-- for what is not one, is negative or longer than 100 years, or has months, which differ in length.
create or replace function ampsync_private.interval_us(
  p_value jsonb
)
  returns bigint
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
  set intervalstyle = 'postgres'
as $$
declare
  v_interval interval;
begin
  if jsonb_typeof(p_value) <> 'string' then
    return null;
  end if;
  v_interval := (p_value #>> '{}')::interval;
  if extract(year from v_interval) <> 0 or extract(month from v_interval) <> 0
     or v_interval not between interval '0' and interval '36525 days' then -- Nor an infinite one, on 17.
    return null;
  end if;
  return extract(epoch from v_interval) * 1000000;
exception
  when data_exception then
    return null;
end;
$$;

comment on function ampsync_private.interval_us(jsonb)
  is 'The microseconds of an interval in the definition of an HTTP source; null for what is not one.';
