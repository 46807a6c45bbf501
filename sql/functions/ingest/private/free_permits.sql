-- How many permits a window of a bucket has now; null: any number, for nothing is known of it. After a
-- refusal one at a time, so that nobody comes back all at once, whatever remains; where a server tells
-- what remains, as many as that, at once; else one in its place.
create or replace function ampsync_private.free_permits(
  p_limit ampsync_private.rate_limit,
  p_now   timestamptz
)
  returns integer
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when p_limit.blocked_until > p_now then 0
              when p_limit.refusals > 0 then (p_now >= p_limit.next_at)::integer
              when p_limit.remaining is not null
                then greatest(p_limit.remaining - p_limit.in_flight - p_limit.straggling, 0)
              when p_limit.requests is not null then (p_now >= p_limit.next_at)::integer end;
end;
$$;

comment on function ampsync_private.free_permits(ampsync_private.rate_limit, timestamptz)
  is 'How many permits a window of a bucket has now; null: any number.';
