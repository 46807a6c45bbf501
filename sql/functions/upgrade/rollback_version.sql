-- Brings back the version that the last upgrade of a dataset replaced, in one transaction: each
-- table gets the rows, columns and checkpoint that it had, and goes on from there; tables that
-- the old version lacks become `orphaned`, those that had become so go on. What the new version
-- had loaded is dropped. It is not taken again by itself until there is another one, or somebody
-- calls ampsync.resync; nor is one that was offered since the upgrade.
--
-- If every block of a table's history was replaced on the chain since then, the server cannot
-- tell what changed: the table is loaded again beside the rows that came back, and the answer
-- says so. So is a table that was loaded only since the upgrade, though the old version has it.
--
-- A table that a query gives by now is not concerned; what the upgrade kept of it is dropped.
--
-- Refused (SY004) where there is nothing to bring back: no upgrade yet, the former tables are
-- gone (ampsync.set_retention), all tables had the same columns, so that only the difference was
-- merged; and while another upgrade is under way.
--
-- Returns the streams. Waits at most 5 s for other decisions and about 10 s for readers of tables
-- with other columns (55P03); then nothing has changed.
--
-- Locks: dataset row; for each stream fence (exclusive), stream row, lease row, the same of its
-- shadow; advisory locks on the names of schemas, if a target was renamed; then as
-- exchange_streams; then the rows of the streams; then as log_exchange: where the dataset is published, commits of
-- all published ones wait until the caller's transaction ends.
create or replace function ampsync.rollback_version(
  inout dataset    text,
  out   table_name text,
  out   state      text,
  out   hint       text
)
  returns setof record
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.lock_reference(rollback_version.dataset);
  v_dataset    ampsync_private.dataset;
  v_former     ampsync_private.former;
  v_stream     record;
  v_lost       bigint[] := '{}';
  v_back       bigint[];
  v_ranges     jsonb;
begin
  perform ampsync_private.refuse_http(v_dataset_id, 'rollback_version');
  v_former := ampsync_private.check_former(v_dataset_id);
  select * into strict v_dataset from ampsync_private.dataset d where d.dataset_id = v_dataset_id;

  for v_stream in
    select s.target
      from ampsync_private.stream s
     where s.dataset_id = v_dataset_id
       and s.target is not null
     order by s.target
  loop
    call ampsync_private.check_may_drop(v_stream.target);
  end loop;

  for v_stream in
    select s.stream_id, w.stream_id as shadow_id, f.stream_id as former_id,
           s.target is not null and s.state <> 'orphaned' and s.table_name = any (v_former.tables) as is_loaded
      from ampsync_private.stream s
      left join ampsync_private.stream w on w.shadow_of = s.stream_id and w.state <> 'former'
      left join ampsync_private.stream f on f.shadow_of = s.stream_id and f.state = 'former'
     where s.dataset_id = v_dataset_id
       and s.shadow_of is null
       and s.query is null -- An upgrade passed over it.
     order by s.stream_id
  loop
    perform ampsync_private.revoke_lease(v_stream.stream_id);
    if v_stream.shadow_id is not null then
      perform ampsync_private.revoke_lease(v_stream.shadow_id);
      perform ampsync_private.drop_shadow(v_stream.stream_id);
      perform ampsync_private.let_go_on(v_stream.stream_id);
    end if;
    perform ampsync_private.follow_target(v_stream.stream_id);
    if v_stream.former_id is null and v_stream.is_loaded -- Only since the upgrade.
       or not ampsync_private.can_go_on(v_stream.former_id, v_stream.stream_id) then
      v_lost := v_lost || v_stream.stream_id;
    end if;
  end loop;

  v_back := array(select f.shadow_of
                    from ampsync_private.stream f
                    join ampsync_private.stream s on s.stream_id = f.shadow_of
                   where f.dataset_id = v_dataset_id and f.state = 'former' and s.query is null);
  perform ampsync_private.drop_former(s.stream_id)
     from ampsync_private.stream s
    where s.dataset_id = v_dataset_id
      and s.shadow_of is null
      and s.query is not null;
  v_ranges := ampsync_private.exchange_streams(v_back, true, false);
  perform ampsync_private.follow_version(v_dataset_id, v_former.version, v_former.manifest_hash, v_former.tables);
  perform ampsync_private.start_shadow(l.stream_id, ampsync_private.now())
     from unnest(v_lost) l(stream_id);

  delete from ampsync_private.former f where f.dataset_id = v_dataset_id;
  if v_dataset.offered_version is null then
    v_dataset.offered_version := v_former.new_version;
    v_dataset.offered_hash := v_former.new_manifest_hash;
  elsif ampsync_private.same_version(v_dataset.offered_version, v_dataset.offered_hash,
                                     v_former.version, v_former.manifest_hash) then -- The server went back as well.
    v_dataset.offered_version := null;
    v_dataset.offered_hash := null;
  end if;
  update ampsync_private.dataset d
     set offered_version  = v_dataset.offered_version,
         offered_hash     = v_dataset.offered_hash,
         offered_declined = v_dataset.offered_version is not null,
         offered_error    = jsonb_build_object(
           'code', 'SY004',
           'message', format('version %s was rolled back', v_former.new_version)
                      || case when v_dataset.offered_version <> v_former.new_version
                              then format('; version %s waits for a call', v_dataset.offered_version) else '' end,
           'hint', format('select ampsync.resync(%L);', d.label))
   where d.dataset_id = v_dataset_id
     and v_dataset.offered_version is not null;
  perform ampsync_private.journal(null, 'version_rolled_back', jsonb_build_object(
            'version', v_former.version, 'manifest_hash', v_former.manifest_hash,
            'old_version', v_former.new_version, 'old_manifest_hash', v_former.new_manifest_hash), v_dataset_id);
  perform ampsync_private.log_exchange(v_ranges);

  return query
  select r.dataset, r.table_name, r.state,
         case when s.stream_id = any (v_lost)
              then format('select * from ampsync.streams; -- its rows, up to block %s, cannot be continued: the table '
                          'is loaded again beside them', s.checkpoint_block)
              else r.hint end
    from ampsync_private.sync_report(v_dataset_id) r
    left join ampsync_private.stream s
           on s.dataset_id = v_dataset_id and s.table_name = r.table_name and s.shadow_of is null;
end;
$$;

comment on function ampsync.rollback_version(text)
  is 'Bring back the version that the last upgrade of a dataset replaced, in one transaction.';
