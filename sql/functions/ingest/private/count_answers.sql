-- What answers say about one window of their bucket, oldest permit first. p_all: the rows of the
-- bucket; p_seen: as in take_permits. Changes nothing but what it returns.
create or replace function ampsync_private.count_answers(
  p_limit ampsync_private.rate_limit,
  p_all   ampsync_private.rate_limit[],
  p_seen  jsonb,
  p_now   timestamptz
)
  returns ampsync_private.rate_limit
  language plpgsql
  stable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit  ampsync_private.rate_limit := p_limit;
  v_answer record;
  v_told   record;
begin
  for v_answer in
    select a.granted_at, p_now - make_interval(secs => greatest(a.age, 0)) as came_at, a.status, a.retry_after, a.told,
           coalesce(a.unused, false) as unused, coalesce(a.limited, false) as limited
      from jsonb_to_recordset(p_seen)
             a (granted_at timestamptz, age double precision, unused boolean, status integer, limited boolean,
                retry_after double precision, told jsonb)
     order by a.granted_at, a.age desc
  loop
    -- The one that tried again.
    if v_limit.refusals > 0 and v_limit.next_at = v_answer.granted_at + interval '10 s' then
      v_limit.next_at := v_answer.granted_at
                         + case when v_answer.unused then interval '0' else (ampsync_private.pacing(v_limit)).step end;
    end if;

    if v_answer.granted_at >= v_limit.cleared_at then
      v_limit.in_flight := greatest(v_limit.in_flight - 1, 0);
    elsif v_answer.granted_at >= v_limit.straggling_from then
      v_limit.straggling := greatest(v_limit.straggling - 1, 0);
    end if;

    if v_answer.unused then
      v_limit.sent := v_limit.sent - 1;
      continue;
    end if;

    select t.* into v_told from ampsync_private.told_to(v_limit, p_all, v_answer.told) t;
    v_limit := ampsync_private.hear_headers(
      v_limit, v_answer.granted_at, v_answer.came_at, p_now, v_told.requests, v_told.remaining, v_told.reset_s,
      v_answer.limited and not exists (select 1 from ampsync_private.told_items(v_answer.told)));
    if v_answer.limited then
      v_limit := ampsync_private.hear_refusal(
        v_limit, v_answer.granted_at, v_answer.came_at, v_answer.status,
        coalesce(v_answer.retry_after, case when v_told.remaining = 0 then v_told.reset_s end));
    elsif v_answer.status is not null and coalesce(v_answer.granted_at >= v_limit.blocked_until, true) then
      v_limit.refusals := 0;
    end if;
  end loop;
  return v_limit;
end;
$$;

comment on function ampsync_private.count_answers(ampsync_private.rate_limit, ampsync_private.rate_limit[], jsonb,
                                                  timestamptz)
  is 'A window of a bucket after the answers that are given.';
