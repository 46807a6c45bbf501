-- The SQL that makes a time from a JSON value, as to_timestamptz does, and as it is called where it is
-- needed. A call costs ten times what PostgreSQL's own functions take for the usual values: ISO 8601
-- texts with a time to the second, in UTC, without an offset or with one of hours and minutes, and numbers
-- from 1973 to 2255.
--
-- p_json, p_text: SQL of the value, as jsonb and as text
create or replace function ampsync_private.instant_text(
  p_json text,
  p_text text,
  p_unit text
)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_number text := format('(%s)::numeric', p_json);
  v_call   text := format('ampsync_private.to_timestamptz(%s, %L)', p_json, p_unit);
  v_form   text := format('translate(%s, ''0123456789 '', ''0000000000T'')', p_text);
  v_utc    text; -- Forms of texts in UTC, every digit a zero: what is left to PostgreSQL are numbers out of range.
  v_offset text; -- The same with an offset, where PostgreSQL rounds what is finer than a microsecond.
begin
  select string_agg(format('%L, %L', f.text, f.text || 'Z'), ', ' order by f.digits),
         string_agg(format('%L, %L', f.text || '+00:00', f.text || '-00:00'), ', ' order by f.digits)
           filter (where f.digits <= 6)
    into strict v_utc, v_offset
    from (select d.digits, '0000-00-00T00:00:00' || left('.', d.digits) || repeat('0', d.digits) as text
            from generate_series(0, 9) d(digits)) f;

  -- With the year first such texts are read the same under all settings. 24:00 has no fraction, which is cut off here.
  -- Numbers below 2^53 microseconds are exact as the factor of an interval.
  return format(
    E'case when %7$s in (%8$s) and %2$s not like ''___________24%%''\n'
    '     then timezone(interval ''0'', left(%2$s, 26)::timestamp)\n'
    '     when jsonb_typeof(%1$s) = ''number'' then\n'
    '       case when %5$s\n'
    '            then timezone(interval ''0'', timestamp ''1970-01-01''\n'
    '                          + floor(%4$s * %6$s)::double precision * interval ''1 microsecond'') else %3$s end\n'
    '     when %7$s in (%9$s) then (%2$s)::timestamptz\n'
    '     when %1$s <> ''null'' then %3$s end',
    p_json, p_text, v_call, v_number,
    case coalesce(p_unit, '')
      when 's' then format('%s >= 0 and %1$s < 9e9', v_number)
      when 'ms' then format('%s >= 0 and %1$s < 9e12', v_number)
      when 'us' then format('%s >= 0 and %1$s < 9e15', v_number)
      when 'ns' then 'false'
      else format('%s >= 1e8 and %1$s < 9e9 or %1$s >= 1e11 and %1$s < 9e12 or %1$s >= 1e14 and %1$s < 9e15', v_number)
    end,
    case coalesce(p_unit, '')
      when 's' then '1000000'
      when 'ms' then '1000'
      when '' then format('case when %s < 1e11 then 1000000 when %1$s < 1e14 then 1000 else 1 end', v_number)
      else '1' end,
    v_form, v_utc, v_offset);
end;
$$;

comment on function ampsync_private.instant_text(text, text, text)
  is 'The SQL that makes a time from a JSON value, as to_timestamptz does.';
