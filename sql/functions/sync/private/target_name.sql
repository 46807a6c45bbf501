-- The name that the target of a table of a dataset gets when it is created.
create or replace function ampsync_private.target_name(
  p_dataset    ampsync_private.dataset,
  p_table_name text
)
  returns text
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(p_dataset.rename ->> p_table_name, p_table_name);
$$;

comment on function ampsync_private.target_name(ampsync_private.dataset, text)
  is 'The name that the target of a table gets when it is created.';
