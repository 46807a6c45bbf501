-- The last time of a window of a bucket that lies in the past by any clock that only goes on.
create or replace function ampsync_private.last_past(
  p_limit ampsync_private.rate_limit
)
  returns timestamptz
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return greatest(p_limit.window_at, p_limit.cleared_at,
                  p_limit.next_at - greatest((ampsync_private.pacing(p_limit)).step, interval '10 s'));
end;
$$;

comment on function ampsync_private.last_past(ampsync_private.rate_limit)
  is 'The last time of a window of a bucket that lies in the past.';
