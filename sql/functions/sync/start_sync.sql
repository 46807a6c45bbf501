-- The dataset that a process names in its settings, at each start of the process: enqueues it.
-- The settings are defaults of a new dataset; one that is synced keeps what it has, tables
-- aside, which are what is wanted from now on. `hint` then is the statement that sets what
-- differs, null where nothing does.
--
-- Safe when several processes start at once. Locks: as enqueue_sync.
create or replace function ampsync_worker.start_sync(
  p_dataset          text,
  p_tables           text[],
  p_retention_blocks integer,
  out is_new         boolean,
  out target_schema  text,
  out hint           text
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
  is_new := not exists (
    select from ampsync_private.dataset d
     where d.namespace = v_ref.namespace and d.name = v_ref.name
       and coalesce(d.revision, 'latest') = coalesce(v_ref.revision, 'latest'));

  perform ampsync.enqueue_sync(
    p_dataset, tables => p_tables,
    target_schema    => case when is_new then 'public' end,
    retention_blocks => case when is_new then p_retention_blocks end);

  select * into strict v_stored
    from ampsync_private.dataset d
   where d.namespace = v_ref.namespace and d.name = v_ref.name
     and coalesce(d.revision, 'latest') = coalesce(v_ref.revision, 'latest');

  target_schema := v_stored.target_schema;
  if p_retention_blocks <> v_stored.retention_blocks then
    hint := format('select ampsync.alter_sync(%L, retention_blocks => %s);', v_stored.label, p_retention_blocks);
  end if;
end;
$$;

comment on function ampsync_worker.start_sync(text, text[], integer)
  is 'Enqueue the dataset of a process''s settings, which are defaults of a new one.';
