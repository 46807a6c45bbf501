-- The range of a source with every option, or null without one: see full_source. Pauses and
-- bounds are numbers: microseconds, or integers where the range counts in those.
create or replace function ampsync_private.full_range(
  p_source jsonb
)
  returns jsonb
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object(
             'field', r -> 'field',
             'since', r -> 'since',
             'until', r -> 'until',
             'format', r -> 'format',
             'from', ampsync_private.range_from(r),
             'bounds', coalesce(r ->> 'bounds', '[)'),
             'lookback_us', case r ->> 'format' when 'integer' then coalesce((r -> 'lookback')::numeric, 0)
                                                else coalesce(ampsync_private.interval_us(r -> 'lookback'), 0) end,
             'lag_us', coalesce(ampsync_private.interval_us(r -> 'lag'), 0),
             'step_us', ampsync_private.interval_us(r -> 'step'),
             'sorted', coalesce((r -> 'sorted')::boolean, false))
      from (select p_source -> 'range') s (r)
     where r is not null);
end;
$$;

comment on function ampsync_private.full_range(jsonb)
  is 'The range of a source with every option; null without one.';
