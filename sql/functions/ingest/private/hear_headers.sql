-- A window of a bucket after what the headers of one answer told it. `remaining` holds the least that
-- was told in this window, and permits do not touch it: those that are answered are counted in what is
-- told, the others are `in_flight`. So the difference is free, in whatever order the answers come.
--
-- A later reset is that of the next window; so is an earlier one, if the answer is to a permit of after
-- resets_at was set, for it may have been set too late. Otherwise it is that of a window which is over.
--
-- A reset is counted from when the answer came, and so never too early; but an answer that took more
-- than 2 s may have been given by so much earlier. It is that of a new window only if it is however
-- early it was given. Else it may lower what remains, and moves resets_at only where no prompt answer
-- has told it; and if its permit is from before this window, it may be an answer of the last one, and
-- tells no more than that one request may have been counted in this.
--
-- Told nothing, of a permit of this window: the server may have counted the request. Where nothing was
-- told since the window turned, the server may let it begin with its first request only, which had
-- arrived by the time of its answer: it may last a whole window from then on.
-- p_is_bare_refusal: it was refused, and no window is told anything: what remains is not known until
-- an answer tells it.
create or replace function ampsync_private.hear_headers(
  p_limit           ampsync_private.rate_limit,
  p_granted_at      timestamptz,
  p_came_at         timestamptz,
  p_now             timestamptz,
  p_requests        integer,
  p_remaining       integer,
  p_reset_s         double precision,
  p_is_bare_refusal boolean
)
  returns ampsync_private.rate_limit
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit     ampsync_private.rate_limit := p_limit;
  v_resets_at timestamptz := p_came_at + make_interval(secs => p_reset_s);
  v_is_prompt boolean := p_came_at <= p_granted_at + interval '2 s';
  v_earliest  timestamptz := case when v_is_prompt then v_resets_at
                                  else v_resets_at - (p_came_at - p_granted_at) - interval '1 s' end;
begin
  if p_requests > 0 then
    v_limit.requests := p_requests;
  end if;

  if p_remaining is not null and v_resets_at is not null then
    if v_limit.resets_at is null or v_earliest > v_limit.resets_at + interval '2 s' then
      v_limit.remaining := p_remaining;
      v_limit.resets_at := v_resets_at;
      v_limit.is_told := v_is_prompt;
      v_limit.window_at := case when v_is_prompt then p_now else p_granted_at end;
    elsif v_resets_at < v_limit.resets_at - interval '2 s' then
      if p_granted_at >= v_limit.window_at then
        v_limit.remaining := case when v_limit.is_told then p_remaining
                                  else least(v_limit.remaining, p_remaining) end;
        v_limit.resets_at := v_resets_at;
        v_limit.is_told := v_is_prompt;
        v_limit.window_at := case when v_is_prompt then p_now else p_granted_at end;
      end if;
    elsif v_is_prompt or p_granted_at >= v_limit.cleared_at then
      v_limit.remaining := least(v_limit.remaining, p_remaining);
      if v_is_prompt or not v_limit.is_told then
        v_limit.resets_at := greatest(v_limit.resets_at, v_resets_at);
      end if;
      v_limit.is_told := v_limit.is_told or v_is_prompt;
    else
      v_limit.remaining := case when v_limit.remaining > 0 then v_limit.remaining - 1 else v_limit.remaining end;
    end if;
  elsif p_granted_at >= v_limit.cleared_at then
    if v_limit.resets_at is not null and not v_limit.is_told and v_limit.window_at = v_limit.cleared_at then
      v_limit.resets_at := greatest(v_limit.resets_at, p_came_at + make_interval(secs => v_limit.per_s));
      v_limit.window_at := p_now;
    end if;
    v_limit.remaining := case when p_is_bare_refusal then null
                              when v_limit.remaining > 0 then v_limit.remaining - 1
                              else v_limit.remaining end;
  end if;
  return v_limit;
end;
$$;

comment on function ampsync_private.hear_headers(ampsync_private.rate_limit, timestamptz, timestamptz, timestamptz,
                                                 integer, integer, double precision, boolean)
  is 'A window of a bucket after what the headers of one answer told it.';
