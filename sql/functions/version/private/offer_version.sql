-- Notes the version that a dataset should follow from now on, as found in the list of versions,
-- and queues the reload that takes it over. Only the newest one counts: an older offer, with
-- whatever was in its way, is forgotten, also where the server goes back to the version that is
-- followed: then an upgrade is given up. False, and nothing changes, if that version is known:
-- followed, or offered already, even if it was refused or declined.
--
-- A dataset without streams, or with a fixed revision, is offered nothing. Where either hash is
-- unknown, versions are compared alone.
--
-- Writers that rest for the older offer go on.
--
-- Locks: dataset row.
create or replace function ampsync_private.offer_version(
  p_dataset_id    bigint,
  p_version       text,
  p_manifest_hash text
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset    ampsync_private.dataset;
  v_is_current boolean;
begin
  select * into v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and coalesce(d.revision, 'latest') in ('latest', 'dev')
     and exists (select 1 from ampsync_private.stream s where s.dataset_id = d.dataset_id)
     for no key update;
  if not found
     or ampsync_private.same_version(v_dataset.offered_version, v_dataset.offered_hash, p_version, p_manifest_hash) then
    return false;
  end if;

  v_is_current := ampsync_private.same_version(v_dataset.resolved_version, v_dataset.resolved_hash,
                                               p_version, p_manifest_hash);
  if v_is_current and exists (select 1 from ampsync_private.upgrade u where u.dataset_id = p_dataset_id) then
    perform ampsync_private.give_up_upgrade(p_dataset_id, 'superseded'); -- Also of another server: see set_source.
  elsif v_is_current and v_dataset.offered_version is null then
    return false;
  end if;
  update ampsync_private.dataset d
     set offered_version  = case when not v_is_current then p_version end,
         offered_hash     = case when not v_is_current then p_manifest_hash end,
         offered_declined = false,
         offered_attempts = 0,
         offered_retry    = null,
         offered_error    = null,
         quiesce_until    = null
   where d.dataset_id = p_dataset_id;
  if v_dataset.quiesce_until > ampsync_private.now() then
    perform ampsync_private.schedule_stream(s.stream_id)
       from ampsync_private.stream s
      where s.dataset_id = p_dataset_id
        and not ampsync_private.is_halted(s.state);
  end if;
  if not v_is_current then
    perform ampsync_private.journal(null, 'new_version_detected', jsonb_build_object(
              'from', v_dataset.resolved_version, 'from_hash', v_dataset.resolved_hash,
              'to', p_version, 'to_hash', p_manifest_hash), p_dataset_id);
    perform ampsync_private.schedule_reload(p_dataset_id);
  end if;
  return not v_is_current;
end;
$$;

comment on function ampsync_private.offer_version(bigint, text, text)
  is 'Note the version that a dataset should follow from now on; false if it is known.';
