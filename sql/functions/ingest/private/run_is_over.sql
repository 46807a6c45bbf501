-- Whether the run of a source has ended: every part has, and none of the windows that its range is cut
-- into is left to be opened.
create or replace function ampsync_private.run_is_over(
  p_stream_id bigint
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select count(*) > 0
         and bool_and(p.done)
         and coalesce(max(p.until) >= ampsync_private.run_horizon(v.range, max(p.begun_at)), true)
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   cross join lateral (select ampsync_private.full_source(d.definition) -> 'range') v(range)
    join ampsync_private.part p on p.stream_id = s.stream_id
   where s.stream_id = p_stream_id
   group by v.range;
$$;

comment on function ampsync_private.run_is_over(bigint)
  is 'Whether the run of a source has ended, with no window of its range left.';
