-- Merges the rows of a shadow that is due into its stream's target, in one transaction: deletes
-- from the target the rows that the shadow lacks, inserts those that the target lacks, and
-- moves history and checkpoint over. The table stays the same, so its OID, grants, views,
-- publications and indexes survive, readers are never blocked, and older snapshots continue to
-- see the old rows. A crash at any point leaves everything as it was, and the supervisor queues
-- the swap again.
--
-- Returns false, without a change, if the shadow is gone or not due.
--
-- The lease row of the shadow is not touched until the very end, because the heartbeat of its
-- holder would skip it; the closed fence is enough to keep writers away.
--
-- Locks: fence, stream row and lease row of the stream; fence of the shadow; the target and the
-- table of the shadow; target rows; history; the rows of the shadow.
create or replace function ampsync_worker.swap_resync(
  p_shadow_id bigint
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
declare
  v_shadow   ampsync_private.stream;
  v_live     ampsync_private.stream;
  v_columns  text;
  v_deleted  bigint;
  v_inserted bigint;
  v_is_left  boolean;
begin
  if not ampsync_private.swap_is_due(p_shadow_id) then
    return false;
  end if;
  select * into v_shadow
    from ampsync_private.stream s
   where s.stream_id = p_shadow_id;
  perform ampsync_private.revoke_lease(v_shadow.shadow_of);
  perform ampsync_private.close_fence(p_shadow_id);
  if not ampsync_private.swap_is_due(p_shadow_id) then -- A pause, a reorg or another swap came first.
    return false;
  end if;
  perform ampsync_private.follow_target(v_shadow.shadow_of);
  perform ampsync_private.follow_target(p_shadow_id);

  call ampsync_private.lock_target(v_shadow.shadow_of);
  perform ampsync_private.check_swappable(p_shadow_id);
  select * into strict v_shadow
    from ampsync_private.stream s
   where s.stream_id = p_shadow_id;
  select * into strict v_live
    from ampsync_private.stream s
   where s.stream_id = v_shadow.shadow_of;

  select '_id, _block_num_start, _block_num_end' || case when v_shadow.has_block_num then ', _block_num' else '' end
         || coalesce(string_agg(format(', %I', c.value ->> 'name'), '' order by c.ordinality), '')
    into v_columns
    from jsonb_array_elements(v_shadow.columns) with ordinality c;

  execute format('lock table %s in access exclusive mode', v_shadow.target); -- To be dropped: wait now, not then.
  execute format('delete from %s l where not exists (select 1 from %s s where s._id = l._id)',
                 v_live.target, v_shadow.target);
  get diagnostics v_deleted = row_count;
  if exists (select 1 from pg_class c where c.oid = v_live.target and (c.relhastriggers or c.relhasrules)) then
    execute format('select exists (select 1 from %s l where not exists (select 1 from %s s where s._id = l._id))',
                   v_live.target, v_shadow.target) into v_is_left;
    if v_is_left then
      call ampsync_private.raise_rows_kept(v_live.target);
    end if;
  end if;
  execute format('insert into %1$s (%3$s)
                  select %3$s from %2$s s where not exists (select 1 from %1$s l where l._id = s._id)',
                 v_live.target, v_shadow.target, v_columns);
  get diagnostics v_inserted = row_count;

  perform ampsync_private.take_over_records(v_live.stream_id, p_shadow_id);

  update ampsync_private.stream s
     set network          = v_shadow.network,
         version          = v_shadow.version,
         manifest_hash    = v_shadow.manifest_hash,
         version_since    = v_shadow.version_since,
         from_block       = v_shadow.from_block,
         origin           = v_shadow.origin,
         checkpoint_block = v_shadow.checkpoint_block,
         checkpoint_hash  = v_shadow.checkpoint_hash,
         block_time       = v_shadow.block_time,
         committed_at     = ampsync_private.now(),
         load_started     = null,
         load_from        = null,
         row_total        = v_shadow.row_total,
         nul_counts       = v_shadow.nul_counts,
         nulled_counts    = v_shadow.nulled_counts,
         rewrites         = s.rewrites + 1,
         state            = 'backfill',
         since            = ampsync_private.now(),
         attempts         = 0,
         next_retry       = null,
         error            = null
   where s.stream_id = v_live.stream_id;

  call ampsync_private.check_target_name(v_live);
  perform ampsync_private.journal(v_live.stream_id, 'resynced', jsonb_build_object(
    'old_block', v_live.checkpoint_block, 'block', v_shadow.checkpoint_block, 'rows', v_shadow.row_total,
    'rows_deleted', v_deleted, 'rows_inserted', v_inserted));
  perform ampsync_private.drop_shadow(v_live.stream_id);
  perform ampsync_private.schedule_stream(v_live.stream_id);
  return true;
end;
$$;

comment on function ampsync_worker.swap_resync(bigint)
  is 'Merge the rows of a resync into the target, in one transaction; false if there is none or it is not due.';
