-- Gives a stream the rows and records of a shadow that is due, in one transaction: by the
-- difference of both where the columns are the same, so that the table stays the same one; else
-- the table of the shadow replaces it (exchange_streams). Readers see all of it or nothing. A
-- crash at any point leaves everything as it was, and the supervisor queues the swap again.
--
-- Returns false, without a change, if the shadow is gone or not due, waits for the other tables
-- of an upgrade, or a user decides about the dataset. Such a decision ends it (close_swaps).
--
-- The lease row of the shadow is not touched until the very end, because the heartbeat of its
-- holder would skip it; the closed fence is enough to keep writers away.
--
-- Locks: the dataset's swaps (enter_swap); fence, stream row and lease row of the stream; fence of the shadow; then as
-- exchange_streams; then as log_exchange.
create or replace function ampsync_worker.swap_resync(
  p_shadow_id bigint
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_shadow  ampsync_private.stream;
  v_dataset ampsync_private.dataset;
  v_ranges  jsonb;
begin
  select * into v_shadow
    from ampsync_private.stream s
   where s.stream_id = p_shadow_id;
  if not ampsync_private.swap_is_due(p_shadow_id) or ampsync_private.is_beside(v_shadow) then
    return false;
  end if;
  if not ampsync_private.enter_swap(v_shadow.dataset_id) then
    return false;
  end if;
  perform ampsync_private.revoke_lease(v_shadow.shadow_of);
  perform ampsync_private.close_fence(p_shadow_id);
  if not ampsync_private.swap_is_due(p_shadow_id) or ampsync_private.is_beside(v_shadow) then
    return false; -- A pause, a reorg, an upgrade or another swap came first.
  end if;
  perform ampsync_private.follow_target(v_shadow.shadow_of);
  perform ampsync_private.follow_target(p_shadow_id);

  v_ranges := ampsync_private.exchange_streams(array[v_shadow.shadow_of], false, false);
  -- If a query was taken back, the dataset may have got another version since the shadow began.
  select d.* into v_dataset
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.stream_id = v_shadow.shadow_of
     and s.query is null
     and (s.version, s.manifest_hash) is distinct from (d.resolved_version, d.resolved_hash);
  if v_shadow.table_name <> all (v_dataset.resolved_tables) then
    perform ampsync_private.orphan_stream(
              v_shadow.shadow_of, coalesce(v_dataset.resolved_version, v_dataset.resolved_hash));
  else
    update ampsync_private.stream s
       set version = v_dataset.resolved_version, manifest_hash = v_dataset.resolved_hash,
           version_since = ampsync_private.now()
     where s.stream_id = v_shadow.shadow_of
       and v_dataset.dataset_id is not null;
    perform ampsync_private.schedule_stream(v_shadow.shadow_of);
  end if;
  perform ampsync_private.log_exchange(v_ranges);
  return true;
end;
$$;

comment on function ampsync_worker.swap_resync(bigint)
  is 'Give a stream the rows of its resync, in one transaction; false if there is none or it is not due.';
