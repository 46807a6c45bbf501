-- Whether a window of a range is read for good: its run has ended, and when that began it lay below the
-- horizon, but the lookback.
create or replace function ampsync_private.is_final(
  p_part  ampsync_private.part,
  p_range jsonb
)
  returns boolean
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return p_part.done
         and p_part.until <= ampsync_private.run_horizon(p_range, p_part.begun_at)
                             - (p_range ->> 'lookback_us')::numeric;
end;
$$;

comment on function ampsync_private.is_final(ampsync_private.part, jsonb)
  is 'Whether a window of a range is read for good.';
