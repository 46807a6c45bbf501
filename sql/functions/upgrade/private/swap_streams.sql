-- Ends the upgrade of a dataset: all tables get the rows of the new version (exchange_streams),
-- tables that only it has begin to load, tables that it lacks become `orphaned` and keep their
-- rows, and from now on it is the version that is followed. All in one transaction: readers, and
-- ampsync.cut, see one version, never both.
--
-- If any table has other columns, what each one had is kept, and ampsync.rollback_version brings
-- it back. If all are the same, only the difference was merged, and nothing is kept.
--
-- Returns false, without a change, if a pause or a reorg came first.
--
-- Tables that queries give are not concerned.
--
-- Locks: for each stream fence (exclusive), each followed by that of its shadow; advisory locks
-- on the names of schemas, if a target was renamed; former tables of an earlier upgrade (access
-- exclusive); then as exchange_streams; then the rows of the streams. The caller holds the
-- dataset row.
create or replace function ampsync_private.swap_streams(
  p_dataset_id bigint
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset ampsync_private.dataset;
  v_upgrade ampsync_private.upgrade;
  v_pair    record;
  v_paired  bigint[] := '{}';
  v_keep    boolean := false;
  v_ranges  jsonb;
begin
  for v_pair in
    select s.stream_id, w.stream_id as shadow_id
      from ampsync_private.stream s
      left join ampsync_private.stream w on w.shadow_of = s.stream_id and w.state <> 'former'
     where s.dataset_id = p_dataset_id
       and s.shadow_of is null
       and s.query is null
     order by s.stream_id
  loop
    perform ampsync_private.close_fence(v_pair.stream_id);
    if v_pair.shadow_id is not null then
      perform ampsync_private.close_fence(v_pair.shadow_id);
    end if;
  end loop;
  if ampsync_private.upgrade_step(p_dataset_id) is distinct from 'swap' then
    return false;
  end if;

  select * into strict v_dataset from ampsync_private.dataset d where d.dataset_id = p_dataset_id;
  select * into strict v_upgrade from ampsync_private.upgrade u where u.dataset_id = p_dataset_id;
  for v_pair in
    select s.stream_id, w.stream_id as shadow_id, w.has_block_num, w.columns
      from ampsync_private.stream s
      join ampsync_private.stream w on w.shadow_of = s.stream_id and w.state <> 'former'
     where s.dataset_id = p_dataset_id
       and ampsync_private.is_upgraded(v_upgrade, s)
     order by s.stream_id
  loop
    perform ampsync_private.follow_target(v_pair.stream_id);
    perform ampsync_private.follow_target(v_pair.shadow_id);
    select v_keep or not ampsync_private.has_columns(s, v_pair.has_block_num, v_pair.columns) into v_keep
      from ampsync_private.stream s
     where s.stream_id = v_pair.stream_id;
    v_paired := v_paired || v_pair.stream_id;
  end loop;

  perform ampsync_private.lock_tables('{}', array_agg(f.target)) -- Of an earlier upgrade.
     from ampsync_private.stream f
    where f.dataset_id = p_dataset_id
      and f.state = 'former';
  perform ampsync_private.drop_former(s.stream_id)
     from ampsync_private.stream s
    where s.dataset_id = p_dataset_id
      and s.shadow_of is null;
  v_ranges := ampsync_private.exchange_streams(v_paired, false, v_keep);
  perform ampsync_private.follow_version(p_dataset_id, v_upgrade.version, v_upgrade.manifest_hash, array(
            select t.value ->> 'table' from jsonb_array_elements(v_upgrade.tables) t order by 1));

  insert into ampsync_private.former as f
         (dataset_id, version, manifest_hash, tables, new_version, new_manifest_hash, kept, replaced_at)
  values (p_dataset_id, v_dataset.resolved_version, v_dataset.resolved_hash, v_dataset.resolved_tables,
          v_upgrade.version, v_upgrade.manifest_hash, case when v_keep then 'kept' else 'merged' end,
          ampsync_private.now())
  on conflict (dataset_id) do update -- The version that an earlier upgrade replaced.
    set version = excluded.version, manifest_hash = excluded.manifest_hash, tables = excluded.tables,
        new_version = excluded.new_version, new_manifest_hash = excluded.new_manifest_hash, kept = excluded.kept,
        replaced_at = excluded.replaced_at, next_try = null;
  delete from ampsync_private.upgrade u where u.dataset_id = p_dataset_id;
  perform ampsync_private.journal(null, 'upgraded', jsonb_build_object(
            'version', v_upgrade.version, 'manifest_hash', v_upgrade.manifest_hash,
            'old_version', v_dataset.resolved_version, 'old_manifest_hash', v_dataset.resolved_hash,
            'kept', v_keep), p_dataset_id);
  perform ampsync_private.log_exchange(v_ranges);
  return true;
end;
$$;

comment on function ampsync_private.swap_streams(bigint)
  is 'End the upgrade of a dataset: all its tables get the rows of the new version, in one transaction.';
