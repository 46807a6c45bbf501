-- A window of a bucket after permits were granted. The one that tries again after a refusal has 10 s
-- for its answer, which then brings next_at back (count_answers); if it is lost, the next one tries. A
-- paced one may leave a little late and keep its place, so that lateness does not add up.
create or replace function ampsync_private.grant_permits(
  p_limit   ampsync_private.rate_limit,
  p_granted integer,
  p_now     timestamptz
)
  returns ampsync_private.rate_limit
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit ampsync_private.rate_limit := p_limit;
  v_pace  record;
begin
  v_limit.in_flight := v_limit.in_flight + p_granted;
  v_limit.sent := v_limit.sent + p_granted;
  if v_limit.refusals > 0 then
    v_limit.next_at := p_now + interval '10 s';
  elsif v_limit.remaining is null and v_limit.requests is not null then
    v_pace := ampsync_private.pacing(v_limit);
    v_limit.next_at := greatest(v_limit.next_at, p_now - v_pace.slack * 0.4) + v_pace.step * p_granted;
  end if;
  return v_limit;
end;
$$;

comment on function ampsync_private.grant_permits(ampsync_private.rate_limit, integer, timestamptz)
  is 'A window of a bucket after permits were granted.';
