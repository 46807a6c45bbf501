-- The time of a commit as WAL has it: microseconds since 2000, as text.
create or replace function ampsync_private.captured_at(
  p_us text
)
  returns timestamptz
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return timestamptz '2000-01-01 00:00:00+00' + p_us::bigint * interval '1 microsecond';
end;
$$;

comment on function ampsync_private.captured_at(text)
  is 'The time of a captured commit.';
