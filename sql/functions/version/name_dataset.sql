-- What people call a dataset: for the log of a worker. Null if it is gone. Locks nothing.
create or replace function ampsync_worker.name_dataset(
  p_dataset_id bigint
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select d.label
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id;
$$;

comment on function ampsync_worker.name_dataset(bigint)
  is 'What people call a dataset, for logs.';
