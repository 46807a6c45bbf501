-- How far apart requests are where nothing but the number of a window is known, and how late each may
-- be in its place: a little more than the window is shared out, so that a request that is late by less
-- never meets the one that left a whole window later. Unknown numbers: not apart at all.
create or replace function ampsync_private.pacing(
  p_limit ampsync_private.rate_limit,
  out step  interval,
  out slack interval
)
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  slack := make_interval(secs => least(0.05 * p_limit.per_s, 0.25));
  step := coalesce((make_interval(secs => p_limit.per_s) + slack) / p_limit.requests, interval '0');
end;
$$;

comment on function ampsync_private.pacing(ampsync_private.rate_limit)
  is 'How far apart the requests of a window are where they are paced, and how late each may be.';
