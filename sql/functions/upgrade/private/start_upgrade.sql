-- Begins the upgrade of a dataset to another version, blue/green: each table that is loaded
-- gets a shadow that loads the new version beside it, while the old streams follow the chain as
-- before. Once all shadows are at the head, advance_upgrade exchanges all tables in one
-- transaction.
--
-- Refused before anything is loaded (SY201) where a table with other columns could not be
-- replaced, because of what depends on it: see rehearse_replacement.
--
-- Only the newest version counts: an upgrade to another one is given up, with what it loaded.
-- So is the resync of a single table. The same version again changes nothing, unless more of
-- its tables are wanted by now.
--
-- p_tables  all of the new version: see ampsync_worker.adopt_version
--
-- Locks: dataset row; for each stream and its shadow fence (exclusive), stream row, lease row.
create or replace function ampsync_private.start_upgrade(
  p_dataset_id    bigint,
  p_version       text,
  p_manifest_hash text,
  p_tables        jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset ampsync_private.dataset;
  v_upgrade ampsync_private.upgrade;
begin
  select * into strict v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     for no key update;
  select * into v_upgrade
    from ampsync_private.upgrade u
   where u.dataset_id = p_dataset_id;
  if (v_upgrade.version, v_upgrade.manifest_hash, v_upgrade.tables)
     is not distinct from (p_version, p_manifest_hash, p_tables) then
    return;
  end if;

  perform ampsync_private.rehearse_replacement(s.target, t.value -> 'columns', s.columns, b.has_block_num, s.identity)
     from jsonb_array_elements(p_tables) t
     join ampsync_private.stream s on s.table_name = t.value ->> 'table'
     join pg_class c on c.oid = s.target
    cross join lateral (select (t.value ->> 'has_block_num')::boolean as has_block_num) b
    where s.dataset_id = p_dataset_id
      and s.shadow_of is null
      and s.query is null
      and not ampsync_private.has_columns(s, b.has_block_num, t.value -> 'columns');

  if v_upgrade.tables is not null
     and (v_upgrade.version, v_upgrade.manifest_hash) is not distinct from (p_version, p_manifest_hash) then
    update ampsync_private.upgrade u
       set tables = p_tables
     where u.dataset_id = p_dataset_id;
    perform ampsync_private.build_beside(p_dataset_id);
    return;
  end if;

  perform ampsync_private.give_up_upgrade(p_dataset_id, 'superseded'); -- Also ends resyncs of single tables.
  insert into ampsync_private.upgrade (dataset_id, version, manifest_hash, tables, from_block, started_at)
  values (p_dataset_id, p_version, p_manifest_hash, p_tables, v_upgrade.from_block, ampsync_private.now());
  perform ampsync_private.journal(null, 'upgrade_started', jsonb_build_object(
            'version', p_version, 'manifest_hash', p_manifest_hash, 'old_version', v_dataset.resolved_version,
            'old_manifest_hash', v_dataset.resolved_hash), p_dataset_id);
  perform ampsync_private.build_beside(p_dataset_id);
end;
$$;

comment on function ampsync_private.start_upgrade(bigint, text, text, jsonb)
  is 'Begin to build another version of a dataset beside the one that is followed.';
