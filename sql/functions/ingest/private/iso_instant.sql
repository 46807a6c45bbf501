-- The instant that an ISO 8601 text names, whatever the settings of the session: without an offset
-- it is in UTC, a date alone is its first instant, and what is finer than a microsecond is cut
-- off. Null for any other text, and for a day that does not exist; never an error.
create or replace function ampsync_private.iso_instant(
  p_text text
)
  returns timestamptz
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := p_text;
  v_day  text;
  v_time text;
begin
  if substr(v_text, 9, 1) in ('T', 't') then -- The basic format: written out.
    v_text := regexp_replace(v_text, '^([0-9]{4})([0-9]{2})([0-9]{2}).([0-9]{2})([0-9]{2})([0-9]{2})',
                             E'\\1-\\2-\\3T\\4:\\5:\\6');
  end if;
  if v_text !~ ('^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])'
                '(?:[Tt ](?:(?:[01][0-9]|2[0-3]):[0-5][0-9](?::(?:[0-5][0-9]|60)(?:[.,][0-9]+)?)?'
                '|24:00(?::00(?:[.,]0+)?)?)(?:[Zz]|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)?)?$') then
    return null;
  end if;

  v_day := left(v_text, 10);
  if left(v_day, 4) = '0000' then
    return null;
  elsif substr(v_day, 9) > '28'
        and substr(v_day, 9)::integer
            > extract(day from make_date(left(v_day, 4)::integer, substr(v_day, 6, 2)::integer, 1)
                               + interval '1 month' - interval '1 day') then
    return null;
  end if;

  -- Year first and an offset as a number: read the same under every setting.
  v_time := substr(v_text, 12);
  return (v_day || ' ' || coalesce(replace(substring(v_time from '^[0-9:]+(?:[.,][0-9]{1,6})?'), ',', '.'), '00:00')
          || coalesce(substring(v_time from '[+-].*$'), '+00'))::timestamptz;
end;
$$;

comment on function ampsync_private.iso_instant(text)
  is 'The instant of an ISO 8601 text under any settings; null for any other text.';
