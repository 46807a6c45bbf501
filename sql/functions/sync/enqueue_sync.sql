-- Keeps a dataset in sync from now on: records what is wanted and queues the work, both in the
-- caller's transaction, so that a rollback leaves nothing behind. Needs no network: whether the
-- dataset exists is for the job to find out.
--
-- dataset           [namespace/]name[@revision]; without a revision the latest
-- tables            which of its tables; default all
-- target_schema     schema of the target tables; default the name of the dataset. Fixed once
--                   chosen
-- retention_blocks  how deep a reorg can be undone exactly, in blocks; at least 64
-- on_deep_reorg     what follows a deeper reorg: `stop` (default), state `failed` until
--                   ampsync.resync is called; or `resync`, right away
-- value_policy      what becomes of a value that PostgreSQL cannot hold: `fail` (default),
--                   state `failed`; `null`, it becomes NULL, and no column of the targets
--                   stays NOT NULL; `quarantine`, its row goes to ampsync.rejects. A change
--                   takes effect with the next pass of each stream
-- nul_policy        the character NUL in text: `replace` (default), `strip`, `fail`
-- not_null          false: no column of the dataset is NOT NULL. Otherwise (default) those are
--                   which the server says are never null. Like value_policy `null`, false
--                   takes effect with the next pass, and is not taken back from a table
-- block_index       the index on _block_num, and on a column block_num of the dataset, made
--                   when a table first reaches the head: `btree` (default); `brin`, small, for
--                   ranges of blocks but not for `order by … limit`; `none`
-- indexes           further btrees, by table: {"logs": [["address", "_block_num desc"]]}. An
--                   index that is no longer declared stays in the table
-- rename            {"table": "name of its target"}
-- exclude_columns   {"table": ["column", …]}: columns that are neither read nor stored
-- from_block        rows of lower blocks are neither read nor stored; default 0. For tables in
--                   which nothing is loaded yet: others keep theirs until ampsync.resync is
--                   told another one, which their hint says
-- on_new_version    of a dataset without a fixed revision: `continue` (default), a new version
--                   is followed from the checkpoint on, if its tables fit; `resync`, it is
--                   loaded beside the old one, and replaces it once it has caught up
-- poll_interval     how often such a dataset's list of versions is requested, 1 s to 1 h; default
--                   VERSION_POLL_INTERVAL_SECS of the worker that does it, 5 s
-- queries           {"table": "SELECT … FROM …"}: tables that are what a query of the Amp server
--                   gives, in its SQL; without `tables` the dataset has no others. ORDER BY and
--                   LIMIT are removed, with a warning. A table in which something is loaded
--                   keeps its query until ampsync.resync, which its hint says; null instead of a
--                   query makes it the table that the dataset has, by the same rule
-- identity          the key of the rows: `content` (default), `_id`, which says the block and a hash
--                   of the values; `transaction`, `_tx_id` and `_row_index`, which say the
--                   microbatch and the position in it. Fixed once chosen
--
-- `rename` and `exclude_columns` are fixed for a table once it is created. A table that they do not mention keeps
-- what it has; null instead of a name or a list takes it back.
--
-- Runs with its owner's rights. Whoever begins a sync must have the right to create tables in its
-- schema himself (42501), or to create schemas where that is missing; and so must whoever names
-- further tables.
--
-- Idempotent: a repeated call changes nothing, a changed option is updated, an omitted one
-- keeps its value. Returns the streams known so far.
--
-- Locks: advisory lock on a name that is new; dataset row; for each stream whose rename, excluded
-- columns, query or first block change fence (exclusive), stream row, lease row; then rows of target_index.
create or replace function ampsync.enqueue_sync(
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
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_ref      record;
  v_dataset  ampsync_private.dataset;
  v_left_out text[];
begin
  v_ref := ampsync_private.parse_reference(enqueue_sync.dataset);

  perform ampsync_private.check_sync_options(
    enqueue_sync.dataset, v_ref.name, enqueue_sync.tables, enqueue_sync.target_schema, enqueue_sync.retention_blocks,
    enqueue_sync.on_deep_reorg, enqueue_sync.value_policy, enqueue_sync.nul_policy, enqueue_sync.on_new_version,
    enqueue_sync.block_index, enqueue_sync.poll_interval, enqueue_sync.identity);
  perform ampsync_private.check_from_block(enqueue_sync.dataset, enqueue_sync.from_block);
  perform ampsync_private.check_table_options(
    enqueue_sync.dataset, enqueue_sync.rename, enqueue_sync.exclude_columns);

  if not exists (select 1 -- Its schema is decided once, by whoever begins the sync.
                   from ampsync_private.dataset d
                  where (d.namespace, d.name) = (v_ref.namespace, v_ref.name)
                    and d.revision is not distinct from v_ref.revision
                    and d.kind = 'amp') then
    perform ampsync_private.claim_name(v_ref.namespace, v_ref.name, 'amp', format(
              'select * from ampsync.streams where dataset = %L;',
              case v_ref.namespace when '_' then '' else v_ref.namespace || '/' end || v_ref.name));
    call ampsync_private.check_may_create(coalesce(enqueue_sync.target_schema, v_ref.name));
  end if;

  -- Locks the row of a known dataset too, so that concurrent calls queue up.
  perform ampsync_private.lock_dataset(d.dataset_id)
     from ampsync_private.dataset d
    where (d.namespace, d.name) = (v_ref.namespace, v_ref.name)
      and d.revision is not distinct from v_ref.revision;
  insert into ampsync_private.dataset as d
         (namespace, name, revision, tables, target_schema, identity, since, created_at)
  values (v_ref.namespace, v_ref.name, v_ref.revision,
          case when jsonb_strip_nulls(enqueue_sync.queries) <> '{}' then '{}'::text[] end, -- Those of queries alone.
          coalesce(enqueue_sync.target_schema, v_ref.name), coalesce(enqueue_sync.identity, 'content'),
          ampsync_private.now(), ampsync_private.now())
  on conflict (namespace, name, coalesce(revision, 'latest')) do update set name = excluded.name
  returning * into v_dataset;

  if v_dataset.target_schema <> coalesce(enqueue_sync.target_schema, v_dataset.target_schema) then
    raise exception using
      errcode = 'SY004',
      message = format('%s is synced into schema %I; its target_schema cannot be changed',
                       enqueue_sync.dataset, v_dataset.target_schema),
      detail  = format('Given: %I.', enqueue_sync.target_schema),
      hint    = format('select ampsync.enqueue_sync(%L);', enqueue_sync.dataset);
  end if;

  if v_dataset.identity <> coalesce(enqueue_sync.identity, v_dataset.identity) then
    raise exception using
      errcode = 'SY004',
      message = format('%s has identity %L, which cannot be changed', enqueue_sync.dataset, v_dataset.identity),
      detail  = format('Given: %L. Its tables are made with the key of that identity.', enqueue_sync.identity),
      hint    = format('select ampsync.enqueue_sync(%L);', enqueue_sync.dataset);
  end if;

  if ampsync_private.names_new_table(v_dataset, enqueue_sync.tables, enqueue_sync.rename, enqueue_sync.queries) then
    call ampsync_private.check_may_create(v_dataset.target_schema);
  end if;

  if enqueue_sync.tables is not null then
    select array_agg(s.table_name order by s.table_name) into v_left_out
      from ampsync_private.stream s
     where s.dataset_id = v_dataset.dataset_id
       and s.table_name <> all (enqueue_sync.tables);
    if v_left_out is not null then
      raise exception using
        errcode = 'SY004',
        message = format('synced tables of %s cannot be left out: %s',
                         enqueue_sync.dataset, array_to_string(v_left_out, ', ')),
        detail  = format('Given: %s.', enqueue_sync.tables),
        hint    = format('select ampsync.enqueue_sync(%L, tables => %L);',
                         enqueue_sync.dataset, enqueue_sync.tables || v_left_out);
    end if;
  end if;
  perform ampsync_private.apply_queries(
    v_dataset.dataset_id, enqueue_sync.tables, enqueue_sync.exclude_columns, enqueue_sync.from_block,
    enqueue_sync.queries);
  perform ampsync_private.apply_table_options(
    v_dataset.dataset_id, enqueue_sync.tables, enqueue_sync.rename, enqueue_sync.exclude_columns);

  update ampsync_private.dataset d
     set tables           = coalesce(enqueue_sync.tables, d.tables),
         retention_blocks = coalesce(enqueue_sync.retention_blocks, d.retention_blocks),
         on_deep_reorg    = coalesce(enqueue_sync.on_deep_reorg, d.on_deep_reorg),
         value_policy     = coalesce(enqueue_sync.value_policy, d.value_policy),
         nul_policy       = coalesce(enqueue_sync.nul_policy, d.nul_policy),
         not_null         = coalesce(enqueue_sync.not_null, d.not_null),
         from_block       = coalesce(enqueue_sync.from_block, d.from_block),
         on_new_version   = coalesce(enqueue_sync.on_new_version, d.on_new_version),
         block_index      = coalesce(enqueue_sync.block_index, d.block_index),
         indexes          = coalesce(enqueue_sync.indexes, d.indexes),
         poll_interval    = coalesce(enqueue_sync.poll_interval, d.poll_interval)
   where d.dataset_id = v_dataset.dataset_id
  returning * into v_dataset;
  perform ampsync_private.register_queries(v_dataset.dataset_id);
  perform ampsync_private.apply_from_block(v_dataset.dataset_id, null, enqueue_sync.from_block);

  if enqueue_sync.indexes is not null then
    perform ampsync_private.check_indexes(v_dataset.dataset_id, enqueue_sync.indexes);
  end if;
  perform ampsync_private.plan_indexes(s.stream_id, true)
     from ampsync_private.stream s
    where s.dataset_id = v_dataset.dataset_id;

  -- Not resolved yet, or resolved when a table that is wanted now was not, or was not there.
  if v_dataset.state <> 'active'
     or exists (select 1
                  from unnest(ampsync_private.named_tables(v_dataset)) t(name)
                 where not exists (select 1
                                     from ampsync_private.stream s
                                    where s.dataset_id = v_dataset.dataset_id
                                      and s.table_name = t.name)) then
    perform ampsync_private.schedule_resolve(v_dataset.dataset_id);
  end if;
  if enqueue_sync.poll_interval is not null then
    perform ampsync_private.start_polling(v_dataset.dataset_id, enqueue_sync.poll_interval);
  end if;
  perform ampsync_private.schedule_supervisor();

  return query
  select r.dataset, r.table_name, r.state, coalesce(case when s.from_block <> enqueue_sync.from_block
           then format('select ampsync.resync(%L, %L, from_block => %s); -- it begins with block %s',
                       r.dataset, r.table_name, enqueue_sync.from_block, s.from_block) end, r.hint)
    from ampsync_private.sync_report(v_dataset.dataset_id) r
    left join ampsync_private.stream s
           on s.dataset_id = v_dataset.dataset_id and s.table_name = r.table_name and s.shadow_of is null;
end;
$$;

comment on function ampsync.enqueue_sync(
  text, text[], text, integer, text, text, text, boolean, jsonb, jsonb, bigint, text, text, jsonb, interval, jsonb,
  text)
  is 'Keep a dataset in sync from now on; returns the streams known so far.';
