-- What the resolve job needs to ask the Admin API about a dataset. No row where
-- the dataset is gone or paused. Reads only.
create or replace function ampsync.begin_resolve(
  p_dataset_id bigint
)
  returns table (namespace text, name text, revision text, tables text[])
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select d.namespace, d.name, d.revision, d.tables
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and d.state <> 'paused';
$$;

comment on function ampsync.begin_resolve(bigint)
  is 'The reference that a resolve job has to look up.';
