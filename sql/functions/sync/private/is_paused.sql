-- Whether somebody paused a dataset and has not resumed it: none of its tables is worked on, and
-- at least one would be. Tables that have failed, or are orphaned, cannot be paused.
create or replace function ampsync_private.is_paused(
  p_dataset ampsync_private.dataset
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (p_dataset).state = 'paused'
      or coalesce((select bool_or(s.state = 'paused') and bool_and(s.state in ('paused', 'failed', 'orphaned'))
                     from ampsync_private.stream s
                    where s.dataset_id = (p_dataset).dataset_id
                      and s.shadow_of is null), false);
end;
$$;

comment on function ampsync_private.is_paused(ampsync_private.dataset)
  is 'Whether somebody paused a dataset and has not resumed it.';
