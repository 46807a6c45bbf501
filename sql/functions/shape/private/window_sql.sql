-- The condition that a row `x` of a dataset's table lies in these ranges of blocks and not below the window of a shape,
-- two-sided, as the index of its blocks serves it; null where there is none.
--
-- p_ranges  [["100", "101"], ["105", null]]: the last one to the end; null: all
--
-- Without force_generic_plan it would be planned each time.
create or replace function ampsync_private.window_sql(
  p_shape  ampsync_private.shape,
  p_table  ampsync_private.published,
  p_ranges jsonb
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
as $$
begin
  return (
    select case
      when p_table.mode <> 'blocks' or p_ranges is null and p_shape.low is null then null
      else coalesce((select format('(%s)', string_agg(format('(%s)', ampsync_private.in_blocks(
                                             s.identity, r.first::text, r.below::text, 'x')), ' or ' order by r.first))
                       from (select greatest((e.item ->> 0)::bigint, coalesce(p_shape.low, 0)) as first,
                                    coalesce((e.item ->> 1)::bigint + 1, 281474976710655) as below -- See block_prefix.
                               from jsonb_array_elements(coalesce(p_ranges, '[[0, null]]')) e(item)) r
                      where r.first < r.below), 'false') end
      from (select 1) once
      left join ampsync_private.stream s on s.stream_id = p_table.stream_id);
end;
$$;

comment on function ampsync_private.window_sql(ampsync_private.shape, ampsync_private.published, jsonb)
  is 'The condition that a row x lies in these ranges of blocks and not below the window of a shape.';
