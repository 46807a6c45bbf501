-- Changes options of a dataset that is synced: those of ampsync.enqueue_sync, which takes them
-- as well, but never begins a sync (SY003 for a dataset that is not synced). Omitted options
-- keep their values. What is fixed once a table is created, its schema, name, columns and key, is
-- refused (SY004) with what can be done instead.
--
-- dataset   like in pause_sync, also without the version that it was enqueued with
-- tables    all that shall be synced from now on: tables can be added, not left out
--
-- Idempotent. Returns the streams known so far. Waits at most 5 s for other decisions (55P03).
-- Locks: as enqueue_sync.
create or replace function ampsync.alter_sync(
  inout dataset          text,
  in    tables           text[] default null,
  in    target_schema    text default null,
  in    retention_blocks integer default null,
  in    on_deep_reorg    text default null,
  in    value_policy     text default null,
  in    nul_policy       text default null,
  in    not_null         boolean default null,
  in    rename           jsonb default null,
  in    exclude_columns  jsonb default null,
  in    from_block       bigint default null,
  in    on_new_version   text default null,
  in    block_index      text default null,
  in    indexes          jsonb default null,
  in    poll_interval    interval default null,
  in    queries          jsonb default null,
  in    identity         text default null,
  out   table_name       text,
  out   state            text,
  out   hint             text
)
  returns setof record
  language sql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select ampsync_private.lock_reference(alter_sync.dataset); -- First: after a drop, enqueue_sync would begin a sync.
  select ampsync_private.refuse_http(d.dataset_id, 'alter_sync', ampsync_private.http_statement(d.label))
    from ampsync_private.dataset d
   where d.dataset_id = ampsync_private.find_dataset(alter_sync.dataset);

  select e.dataset, e.table_name, e.state, e.hint
    from ampsync_private.dataset d
   cross join lateral ampsync.enqueue_sync(d.label, alter_sync.tables, alter_sync.target_schema,
           alter_sync.retention_blocks, alter_sync.on_deep_reorg, alter_sync.value_policy, alter_sync.nul_policy,
           alter_sync.not_null, alter_sync.rename, alter_sync.exclude_columns,
           alter_sync.from_block, alter_sync.on_new_version, alter_sync.block_index, alter_sync.indexes,
           alter_sync.poll_interval, alter_sync.queries, alter_sync.identity) e
   where d.dataset_id = ampsync_private.find_dataset(alter_sync.dataset);
$$;

comment on function ampsync.alter_sync(
  text, text[], text, integer, text, text, text, boolean, jsonb, jsonb, bigint, text, text, jsonb, interval, jsonb,
  text)
  is 'Change options of a dataset that is synced; SY004 for what is fixed once a table is created.';
