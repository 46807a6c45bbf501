-- Cuts a row of several windows that are not read for good any more, because `lookback` or `lag` was raised, where
-- the raise begins: what lies below stays read, and the windows from there on are opened anew, 100 at a time, like
-- those that were never read. Called as the next run begins.
--
-- Locks: rows of parts.
create or replace function ampsync_private.unfold_windows(
  p_stream_id bigint,
  p_range     jsonb
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with cut as (
    select r.first + floor((min(ampsync_private.run_horizon(p_range, p.begun_at)) - (p_range ->> 'lookback_us')::numeric
                            - r.first) / r.step) * r.step as border
      from (select (p_range ->> 'from')::numeric as first, (p_range ->> 'step_us')::numeric as step) r
     cross join ampsync_private.part p
     where p.stream_id = p_stream_id
       and p.until - p.since > r.step
       and not ampsync_private.is_final(p, p_range)
     group by r.first, r.step
  ),
  gone as (
    delete from ampsync_private.part p
     using cut c
     where p.stream_id = p_stream_id
       and p.since >= c.border
  )
  update ampsync_private.part p
     set until = c.border
    from cut c
   where p.stream_id = p_stream_id
     and p.since < c.border
     and p.until > c.border;
$$;

comment on function ampsync_private.unfold_windows(bigint, jsonb)
  is 'Cut rows of several windows where a raised lookback or lag begins.';
