-- Notes that a dataset shall be upgraded to the version that it was offered, and queues the job
-- that asks the server for the tables of that version: see start_upgrade. No effect while an
-- upgrade is under way.
--
-- p_from_block: null, as each table was loaded before
--
-- The caller holds the dataset row.
create or replace function ampsync_private.request_upgrade(
  p_dataset_id bigint,
  p_from_block bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into ampsync_private.upgrade (dataset_id, version, manifest_hash, from_block, started_at)
  select d.dataset_id, d.offered_version, d.offered_hash, p_from_block, ampsync_private.now()
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
  on conflict (dataset_id) do nothing; -- It is under way.
  if not found then
    return;
  end if;

  update ampsync_private.dataset d
     set offered_declined = false, offered_attempts = 0, offered_retry = null, offered_error = null
   where d.dataset_id = p_dataset_id;
  perform ampsync_private.schedule_reload(p_dataset_id);
  perform ampsync_private.journal(null, 'upgrade_requested', jsonb_build_object(
            'version', d.offered_version, 'manifest_hash', d.offered_hash), p_dataset_id)
     from ampsync_private.dataset d
    where d.dataset_id = p_dataset_id;
end;
$$;

comment on function ampsync_private.request_upgrade(bigint, bigint)
  is 'Note that a dataset shall be upgraded to the version that it was offered.';
