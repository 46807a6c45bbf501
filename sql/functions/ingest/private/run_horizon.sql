-- How far a run reads that began at a time: up to that time but the lag, behind which nothing comes any
-- more. Null without a range of times.
create or replace function ampsync_private.run_horizon(
  p_range    jsonb,
  p_begun_at timestamptz
)
  returns numeric
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when p_range ->> 'format' <> 'integer'
              then trunc(extract(epoch from p_begun_at) * 1000000) - (p_range ->> 'lag_us')::numeric end;
end;
$$;

comment on function ampsync_private.run_horizon(jsonb, timestamptz)
  is 'How far a run reads that began at a time, in microseconds since 1970.';
