-- Ends the sync of a dataset for good: its writers are ended and its leases, jobs, checkpoints
-- and history are deleted, so that nothing is committed after this call's transaction. The
-- journal stays, which has the definition of an HTTP source from then on, and so do the target
-- tables, with the rows that they have, unless drop_tables; the schema stays in any case. The build
-- of an index is ended, and so is a swap. A resync or an upgrade under way is dropped with its
-- tables, and so are former tables of an upgrade; of an HTTP source so are its position and its
-- staging tables.
--
-- dataset      exactly as it was enqueued: `my_dataset` does not mean `my_dataset@1.0.0`
-- drop_tables  drops the target tables as well, all or none
--
-- Enqueued again, the dataset is loaded from its first block, into new tables: tables that were
-- kept are in the way (SY003) until they are renamed or dropped.
--
-- Idempotent: for a dataset that is not synced there is a notice, and nothing changes. Returns
-- what became of each table. Waits at most 5 s for each lock (55P03); then nothing has changed.
--
-- Locks: dataset row and its swaps (close_swaps); for each stream and its shadow fence
-- (exclusive); advisory locks on the names of the target schemas; the tables (dropped ones access
-- exclusive, others share update exclusive); advisory lock on the heads of the dataset; then all
-- rows of the dataset; rows of graphile_worker.
create or replace function ampsync.drop_sync(
  inout dataset     text,
  in    drop_tables boolean default false,
  out   table_name  text,
  out   state       text,
  out   hint        text
)
  returns setof record
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
#variable_conflict use_column
declare
  v_ref       record := ampsync_private.parse_reference(drop_sync.dataset);
  v_dataset   ampsync_private.dataset;
  v_stream_id bigint;
  v_schemas   text[];
  v_keys      text[];
begin
  perform ampsync_private.close_swaps(d.dataset_id)
     from ampsync_private.dataset d
    where d.namespace = v_ref.namespace
      and d.name = v_ref.name
      and d.revision is not distinct from v_ref.revision;
  select d.* into v_dataset
    from ampsync_private.dataset d
   where d.namespace = v_ref.namespace
     and d.name = v_ref.name
     and d.revision is not distinct from v_ref.revision;
  if not found then
    raise notice using
      message = format('%s is not synced, nothing was dropped', drop_sync.dataset),
      detail  = (select format('Synced: %s.', coalesce(string_agg(d.label, ', ' order by d.label), 'nothing'))
                   from ampsync_private.dataset d),
      hint    = 'select dataset from ampsync.status;';
    return;
  end if;

  for v_stream_id in
    select s.stream_id
      from ampsync_private.stream s
     where s.dataset_id = v_dataset.dataset_id
       and s.shadow_of is null
     order by s.stream_id
  loop
    perform ampsync_private.close_fence(v_stream_id);
    perform ampsync_private.close_fence(w.stream_id)
       from ampsync_private.stream w
      where w.shadow_of = v_stream_id;
  end loop;

  select array_agg(distinct t.name order by t.name) into v_schemas
    from ampsync_private.stream s
    left join pg_class c on c.oid = s.target
    left join pg_namespace n on n.oid = c.relnamespace
   cross join unnest(array[s.target_schema, n.nspname]) t(name) -- Renamed since then, perhaps.
   where s.dataset_id = v_dataset.dataset_id
     and s.shadow_of is null
     and t.name is not null;
  perform pg_advisory_xact_lock(hashtextextended('ampsync.schema:' || n.name, 0))
     from unnest(v_schemas) n(name);

  perform ampsync_private.end_index_builds(array_agg(s.target::oid))
     from ampsync_private.stream s
    where s.dataset_id = v_dataset.dataset_id;

  return query
  select v_dataset.label, r.table_name, r.state, r.hint
    from ampsync_private.release_targets(v_dataset.dataset_id, coalesce(drop_sync.drop_tables, false)) r;
  if not found then
    return query
    select v_dataset.label, null::text, 'dropped', format('select ampsync.enqueue_sync(%L);', v_dataset.label);
  end if;
  if v_dataset.kind = 'http' then
    perform ampsync_private.drop_staging(s.stream_id)
       from ampsync_private.stream s
      where s.dataset_id = v_dataset.dataset_id;
  end if;

  perform ampsync_private.journal(null, 'sync_dropped', jsonb_build_object(
            'tables', case when drop_sync.drop_tables then 'dropped' else 'kept' end)
            || case v_dataset.kind when 'http' then jsonb_build_object('definition', v_dataset.definition)
                                   else '{}' end, v_dataset.dataset_id);
  perform pg_advisory_xact_lock(ampsync_private.heads_key(v_dataset.dataset_id));
  perform 1 -- A pass that ends just now, or a step of an index, holds such a row, and queues a job next.
     from ampsync_private.stream s
    where s.dataset_id = v_dataset.dataset_id
    order by s.stream_id
      for update;
  v_keys := array(select t.task || v_dataset.dataset_id
                    from (values ('ampsync_resolve:'), ('ampsync_reload:'), ('ampsync_poll:'),
                                 ('ampsync_upgrade:')) t(task)
                   union all
                  select t.task || s.stream_id
                    from ampsync_private.stream s
                   cross join (values ('ampsync_stream:'), ('ampsync_swap:'), ('ampsync_index:')) t(task)
                   where s.dataset_id = v_dataset.dataset_id);
  perform ampsync_private.unpublish_target(p.published_id)
     from ampsync_private.published p
     join ampsync_private.stream s on s.stream_id = p.stream_id
    where s.dataset_id = v_dataset.dataset_id
    order by p.published_id;
  delete from ampsync_private.stream s where s.dataset_id = v_dataset.dataset_id;
  delete from ampsync_private.dataset d where d.dataset_id = v_dataset.dataset_id;
  perform graphile_worker.remove_job(k.key) from unnest(v_keys) k(key);

  perform ampsync_private.hide_checkpoints(n.name)
     from unnest(v_schemas) n(name);
end;
$$;

comment on function ampsync.drop_sync(text, boolean)
  is 'End the sync of a dataset for good; its tables are kept unless drop_tables.';
