-- The dataset that a process names in its settings, at each start of the process: enqueues it.
-- The settings are defaults of a new dataset; one that is synced keeps what it has, tables
-- and queries aside, which are what is wanted from now on. `hint` then has the statements that
-- set what differs, null where nothing does; `left_out` the tables with queries that are not
-- among those of the process, which is only possible where queries are given.
--
-- Safe when several processes start at once. Locks: as enqueue_sync.
create or replace function ampsync_worker.start_sync(
  p_dataset          text,
  p_tables           text[],
  p_retention_blocks integer,
  p_queries          jsonb default null,
  out is_new         boolean,
  out target_schema  text,
  out hint           text,
  out left_out       text[]
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ref    record := ampsync_private.parse_reference(p_dataset);
  v_stored ampsync_private.dataset;
begin
  perform ampsync_private.lock_dataset(d.dataset_id) -- One that is just dropped is new after that.
     from ampsync_private.dataset d
    where d.namespace = v_ref.namespace and d.name = v_ref.name
      and coalesce(d.revision, 'latest') = coalesce(v_ref.revision, 'latest');
  is_new := not exists (
    select from ampsync_private.dataset d
     where d.namespace = v_ref.namespace and d.name = v_ref.name
       and coalesce(d.revision, 'latest') = coalesce(v_ref.revision, 'latest'));

  perform ampsync.enqueue_sync(
    p_dataset, tables => p_tables,
    target_schema    => case when is_new then 'public' end,
    retention_blocks => case when is_new then p_retention_blocks end,
    queries          => p_queries);

  select * into strict v_stored
    from ampsync_private.dataset d
   where d.namespace = v_ref.namespace and d.name = v_ref.name
     and coalesce(d.revision, 'latest') = coalesce(v_ref.revision, 'latest');

  target_schema := v_stored.target_schema;
  if p_retention_blocks <> v_stored.retention_blocks then
    hint := format('select ampsync.alter_sync(%L, retention_blocks => %s);', v_stored.label, p_retention_blocks);
  end if;
  select concat_ws(' ', hint, string_agg(format('select ampsync.resync(%L, %L);', v_stored.label, s.table_name), ' '
                                         order by s.table_name))
    into hint
    from ampsync_private.stream s
   where s.dataset_id = v_stored.dataset_id
     and s.shadow_of is null
     and s.state <> 'resyncing'
     and p_queries ? s.table_name
     and s.query is distinct from v_stored.queries ->> s.table_name;
  hint := nullif(hint, '');
  left_out := array(select q.name from jsonb_object_keys(v_stored.queries) q(name)
                     where not p_queries ? q.name
                     order by 1);
end;
$$;

comment on function ampsync_worker.start_sync(text, text[], integer, jsonb)
  is 'Enqueue the dataset of a process''s settings, which are defaults of a new one.';
