-- Lets a dataset follow a version from now on, after its loaded tables have got the rows of that
-- version: their next passes are queued, tables that are not loaded yet and those that only the
-- version has begin to load it, those that it lacks become `orphaned` and keep their rows, and
-- orphaned ones that it has go on.
--
-- p_tables  the names of its tables
--
-- Locks: the rows of the streams; the tables of their shadows. The caller holds the dataset row
-- and the fences.
create or replace function ampsync_private.follow_version(
  p_dataset_id    bigint,
  p_version       text,
  p_manifest_hash text,
  p_tables        text[]
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset ampsync_private.dataset;
begin
  perform ampsync_private.drop_shadow(s.stream_id)
     from ampsync_private.stream s
    where s.dataset_id = p_dataset_id
      and s.shadow_of is null
      and s.query is null
      and s.table_name <> all (p_tables);

  update ampsync_private.dataset d
     set offered_version = p_version, offered_hash = p_manifest_hash
   where d.dataset_id = p_dataset_id
  returning * into strict v_dataset;
  perform ampsync_private.switch_streams(v_dataset, p_tables);
  perform ampsync_private.let_go_on(s.stream_id) -- Stood still for the exchange, without rows.
     from ampsync_private.stream s
    where s.dataset_id = p_dataset_id
      and s.shadow_of is null
      and s.query is null;
  perform ampsync_private.schedule_stream(s.stream_id)
     from ampsync_private.stream s
    where s.dataset_id = p_dataset_id
      and s.shadow_of is null
      and not ampsync_private.is_halted(s.state);
  perform ampsync_worker.register_streams(p_dataset_id, p_version, p_manifest_hash, p_tables,
                                          v_dataset.has_namespaces);

  update ampsync_private.dataset d
     set offered_version = null, offered_hash = null, offered_declined = false, offered_attempts = 0,
         offered_retry = null, offered_error = null, quiesce_until = null
   where d.dataset_id = p_dataset_id;
end;
$$;

comment on function ampsync_private.follow_version(bigint, text, text, text[])
  is 'Let a dataset follow a version from now on, after its loaded tables have got the rows of that version.';
