-- Whether a dataset was offered a version that a reload should take over. That of a paused
-- dataset waits for ampsync.resume_sync.
create or replace function ampsync_private.wants_reload(
  p_dataset ampsync_private.dataset
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (p_dataset).offered_version is not null
     and not (p_dataset).offered_declined
     and exists (select 1 from ampsync_private.stream s where s.dataset_id = (p_dataset).dataset_id)
     and not ampsync_private.is_paused(p_dataset)
     and not exists (select 1 -- It is built beside.
                       from ampsync_private.upgrade u
                      where u.dataset_id = (p_dataset).dataset_id
                        and u.tables is not null
                        and (u.version, u.manifest_hash)
                            is not distinct from ((p_dataset).offered_version, (p_dataset).offered_hash));
end;
$$;

comment on function ampsync_private.wants_reload(ampsync_private.dataset)
  is 'Whether a dataset was offered a version that a reload should take over.';
