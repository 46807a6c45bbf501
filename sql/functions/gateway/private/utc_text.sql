-- A time as programs exchange it: 2026-11-28T12:00:00.123Z.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.utc_text(
  p_time timestamptz
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return to_char(p_time at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
end;
$$;

comment on function ampsync_private.utc_text(timestamptz)
  is 'A time in UTC as ISO 8601 has it, to the millisecond.';
