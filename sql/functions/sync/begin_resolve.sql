-- What a resolve job has to ask the Admin API for: while a dataset has no streams, the
-- reference it was enqueued under; then the version its streams read, which never changes below
-- them. No row when the dataset is gone or paused. Reads only.
create or replace function ampsync_worker.begin_resolve(
  p_dataset_id bigint
)
  returns table (namespace text, name text, revision text, tables text[], failures integer, admin_addr text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select d.namespace, d.name,
         case when exists (select from ampsync_private.stream s where s.dataset_id = d.dataset_id and s.query is null)
              then coalesce(d.resolved_version, d.resolved_hash) else d.revision end,
         d.tables, d.attempts, d.admin_addr
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and d.state <> 'paused';
$$;

comment on function ampsync_worker.begin_resolve(bigint)
  is 'The reference that a resolve job looks up.';
