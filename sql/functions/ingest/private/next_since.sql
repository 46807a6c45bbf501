-- Where the next run of a part begins in its range, or its restart where records are sorted: at the
-- greatest value that was stored, but the lookback. Such a mark that is older than the lag by the time
-- its run began is settled: nothing can come to it any more, and the next run begins one granule
-- above it. With a lag a mark that lies beyond where the run was to end counts as that end: an end that
-- is ceiled lets a record through while those before it may still come. Never below where the range
-- begins; where it was while nothing was stored.
create or replace function ampsync_private.next_since(
  p_part  ampsync_private.part,
  p_range jsonb
)
  returns numeric
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_granule numeric := ampsync_private.range_granule(p_range ->> 'format');
  v_horizon numeric := ampsync_private.run_horizon(p_range, p_part.begun_at);
  v_above   numeric := p_part.high - mod(mod(p_part.high, v_granule) + v_granule, v_granule) + v_granule;
begin
  if p_part.high is null then
    return p_part.since;
  end if;
  return greatest((p_range ->> 'from')::numeric,
                  case when (p_range ->> 'lag_us')::numeric = 0 or v_horizon is null then p_part.high
                       when v_above <= v_horizon then v_above
                       else least(p_part.high, greatest(v_horizon, p_part.since)) end
                  - (p_range ->> 'lookback_us')::numeric);
end;
$$;

comment on function ampsync_private.next_since(ampsync_private.part, jsonb)
  is 'Where the next run of a part begins in its range.';
