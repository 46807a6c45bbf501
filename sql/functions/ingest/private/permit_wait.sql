-- How long what holds a window of a bucket, and nothing else, lasts; null if it has permits. Then it
-- is asked again: where answers under way may free it, after 250 ms; where the one that tries again
-- after a refusal may be answered, after 1 s.
create or replace function ampsync_private.permit_wait(
  p_limit ampsync_private.rate_limit,
  p_now   timestamptz
)
  returns interval
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when coalesce(ampsync_private.free_permits(p_limit, p_now), 1) > 0 then null
              when p_limit.blocked_until > p_now then p_limit.blocked_until - p_now
              when p_limit.refusals > 0 then least(p_limit.next_at - p_now, interval '1 s')
              when p_limit.remaining > 0 then least(p_limit.resets_at - p_now, interval '250 ms')
              when p_limit.remaining = 0 then p_limit.resets_at - p_now
              else p_limit.next_at - p_now end;
end;
$$;

comment on function ampsync_private.permit_wait(ampsync_private.rate_limit, timestamptz)
  is 'How long what holds a window of a bucket lasts; null if it has permits.';
