-- The pause before the next poll: the interval of the dataset, or else that of the worker, doubled
-- by each failure in a row up to 60 s; a longer interval stays as it is.
create or replace function ampsync_private.poll_pause(
  p_dataset  ampsync_private.dataset,
  p_default  interval,
  p_failures integer
)
  returns interval
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select least(i.every * 2 ^ least(p_failures, 6), greatest(i.every, interval '60 s'))
    from (select coalesce((p_dataset).poll_interval, p_default) as every) i;
$$;

comment on function ampsync_private.poll_pause(ampsync_private.dataset, interval, integer)
  is 'The pause before the next poll of a dataset, after so many failures in a row.';
