-- A window of a bucket after an answer that said that the limit is used up: everybody stands still.
-- Until when is told (p_wait_s); otherwise 1, 2, 4 … 60 s by how often that has happened without a
-- success between, and at least 60 s on 403, which is how secondary limits speak. Never longer than a
-- day. Answers to permits of before the time until which everybody stands still belong to the refusal
-- that began it.
--
-- What is told is believed to the millisecond once. Refused again after it, the wait is at least 1, 2,
-- 4 … 60 s: some servers tell 0 s, or a time that is past, for as long as they refuse.
create or replace function ampsync_private.hear_refusal(
  p_limit      ampsync_private.rate_limit,
  p_granted_at timestamptz,
  p_came_at    timestamptz,
  p_status     integer,
  p_wait_s     double precision
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
  v_wait  double precision;
begin
  v_limit.refused := v_limit.refused + 1;
  if coalesce(p_granted_at >= v_limit.blocked_until, true) then
    v_limit.refusals := v_limit.refusals + 1;
  end if;
  v_wait := case when p_wait_s is not null and v_limit.refusals < 2 then p_wait_s
                 when p_wait_s is not null then greatest(p_wait_s, least(60, 2 ^ least(v_limit.refusals - 2, 6)))
                 when p_status = 403 then 60
                 else least(60, 2 ^ least(greatest(v_limit.refusals - 1, 0), 6)) end;
  v_limit.blocked_until := greatest(v_limit.blocked_until,
                                    p_came_at + make_interval(secs => least(86400, v_wait)));
  return v_limit;
end;
$$;

comment on function ampsync_private.hear_refusal(ampsync_private.rate_limit, timestamptz, timestamptz, integer,
                                                 double precision)
  is 'A window of a bucket after an answer that said that the limit is used up.';
