-- The instant of a number that counts since 1970, floored to microseconds: in the unit given, or
-- by its size in seconds (below 1e11), milliseconds (1e14), microseconds (1e17) or nanoseconds.
-- Null where that is not to be known, for 8 and 14 digits without a unit, which may be a date
-- (20240115), and where PostgreSQL has no such time; never an error.
create or replace function ampsync_private.unix_instant(
  p_number numeric,
  p_unit   text
)
  returns timestamptz
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_size   numeric := trunc(abs(p_number));
  v_micros numeric;
  v_days   integer;
begin
  if p_unit is null and length(v_size::text) in (8, 14) then
    return null;
  end if;
  v_micros := floor(case coalesce(p_unit, case when v_size < 1e11 then 's' when v_size < 1e14 then 'ms'
                                               when v_size < 1e17 then 'us' else 'ns' end)
                      when 's'  then p_number * 1000000
                      when 'ms' then p_number * 1000
                      when 'us' then p_number
                      when 'ns' then p_number * 0.001 end);
  if v_micros not between -210866803200000000 and 9224318015999999999 then -- What timestamptz can hold.
    return null;
  end if;

  -- In days and the rest of a day, which are exact as the numbers that intervals are made of; without a time zone, in
  -- which days would have other lengths.
  v_days := div(v_micros, 86400000000) - (mod(v_micros, 86400000000) < 0)::integer;
  return timezone(interval '0', timestamp '1970-01-01' + make_interval(days => v_days)
                                + (v_micros - v_days::numeric * 86400000000) * interval '1 microsecond');
end;
$$;

comment on function ampsync_private.unix_instant(numeric, text)
  is 'The instant of a number since 1970, in a unit or by its size; null where that is not known.';
