-- A window of a bucket, gone on to the next one if it is over. Permits that were not answered are
-- forgotten, which heals those of workers that died; for 15 s, longer than nearly any answer takes,
-- they count as straggling: they may arrive in the new window, whose turn on the server may be a
-- little later or earlier than here.
create or replace function ampsync_private.roll_over(
  p_limit ampsync_private.rate_limit,
  p_now   timestamptz
)
  returns ampsync_private.rate_limit
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit  ampsync_private.rate_limit := p_limit;
  v_window interval := make_interval(secs => p_limit.per_s);
begin
  if v_limit.resets_at <= p_now then
    v_limit.straggling := v_limit.in_flight;
    v_limit.straggling_from := v_limit.cleared_at;
    v_limit.remaining := v_limit.requests;
    v_limit.in_flight := 0;
    v_limit.cleared_at := p_now;
    v_limit.window_at := p_now;
    v_limit.resets_at := v_limit.resets_at + v_window;
    if v_limit.resets_at <= p_now then
      v_limit.resets_at := p_now + v_window;
    end if;
    v_limit.is_told := false;
  end if;
  if v_limit.cleared_at <= p_now - interval '15 s' then
    v_limit.straggling := 0;
  end if;
  return v_limit;
end;
$$;

comment on function ampsync_private.roll_over(ampsync_private.rate_limit, timestamptz)
  is 'A window of a bucket, gone on to the next one if it is over.';
