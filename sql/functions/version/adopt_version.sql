-- Takes over the version that a dataset was offered, in place and in one transaction: all tables
-- fit it, or nothing changes. Returns what became of it:
--
--   adopted  the targets are altered, the streams read the new version from their next pass on
--   refused  a table does not fit: the reason is stored, and the streams run on as they are
--   in use   a table that has to be altered is in use: retried after 1, 2, 4 … s
--   beside   it is built beside the tables, because of on_new_version `resync`, or because
--            ampsync.resync was called
--   stale    another version is offered by now, or streams were added: look again
--
-- Passes under way read the old version until they end, which renew_leases asks them to do, and
-- may commit until then: COPY names its columns, and added ones are nullable. Until its first
-- pass takes the lease nothing in a table comes from the new version, and acquire_lease records
-- from which block on it does.
--
-- New tables become streams. A table that the version lacks becomes `orphaned`, with its rows;
-- if a later version has the table again, its stream goes on from its checkpoint, whose hash the
-- server verifies: a fork meanwhile is a reorg like any other.
--
-- p_tables: a jsonb array of
--   {"table": name,
--    "network": if the server tells it,
--    "has_block_num", "columns": see prepare_target; for all tables of begin_reload}
--
-- Locks: dataset row; rows of the streams whose targets stay as they are; targets that are
-- altered (access exclusive, in the order of their OIDs, 300 ms at most for all); rows of their
-- streams; then as log_exchange. No wait is longer than 300 ms, and nobody waits longer behind it.
create or replace function ampsync_worker.adopt_version(
  p_dataset_id    bigint,
  p_version       text,
  p_manifest_hash text,
  p_tables        jsonb
)
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_dataset ampsync_private.dataset;
  v_names   text[]; -- All of the version; p_tables without those in whose place there are queries.
  v_all     jsonb := p_tables;
  v_fitting bigint[];
  v_altered bigint[];
  v_error   jsonb;
  v_stream  record;
begin
  select * into v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and ampsync_private.wants_reload(d)
     and (d.offered_version, d.offered_hash) is not distinct from (p_version, p_manifest_hash)
     for no key update;
  if not found then
    return 'stale';
  end if;

  v_names := array(select t.value ->> 'table' from jsonb_array_elements(v_all) t order by 1);
  p_tables := coalesce((
    select jsonb_agg(t.value)
      from jsonb_array_elements(v_all) t
     where not exists (select 1 -- A query that goes by this name reads what it says itself.
                         from ampsync_private.stream s
                        where s.dataset_id = p_dataset_id
                          and s.table_name = t.value ->> 'table'
                          and s.shadow_of is null
                          and s.query is not null)), '[]');
  if exists (select 1
               from ampsync_private.stream s
               join jsonb_array_elements(p_tables) t on t.value ->> 'table' = s.table_name
              where s.dataset_id = p_dataset_id
                and s.target is not null
                and coalesce(jsonb_typeof(t.value -> 'columns'), 'null') = 'null') then
    perform ampsync_private.schedule_reload(p_dataset_id); -- Created since begin_reload.
    return 'stale';
  end if;

  if (v_dataset.on_new_version = 'resync'
      or exists (select 1 from ampsync_private.upgrade u where u.dataset_id = p_dataset_id))
     and jsonb_array_length(v_all) <= 1000 then
    perform ampsync_private.start_upgrade(p_dataset_id, p_version, p_manifest_hash, v_all);
    return 'beside';
  end if;

  v_error := ampsync_private.reload_refusal(v_dataset, p_tables);
  if v_error is not null then
    perform ampsync_worker.defer_reload(p_dataset_id, p_version, p_manifest_hash, v_error, 0);
    return 'refused';
  end if;

  v_fitting := array( -- The table of a resync must fit its target. Other tables beside a target are of another version.
    select s.stream_id
      from ampsync_private.stream s
      left join ampsync_private.stream l on l.stream_id = s.shadow_of
     where s.dataset_id = p_dataset_id
       and s.target is not null
       and s.state <> 'former'
       and (s.shadow_of is null or (s.version, s.manifest_hash) is not distinct from (l.version, l.manifest_hash)));
  v_altered := array(
    select s.stream_id
      from ampsync_private.stream s
      join jsonb_array_elements(p_tables) t on t.value ->> 'table' = s.table_name
     where s.stream_id = any (v_fitting)
       and exists (select 1
                     from ampsync_private.plan_evolution(s.stream_id, (t.value ->> 'has_block_num')::boolean,
                                                         t.value -> 'columns') e
                    where e.ddl is not null));
  perform 1 -- A commit that waits for a standby holds such a row: better now than with a target locked.
     from ampsync_private.stream s
    where s.dataset_id = p_dataset_id
      and s.stream_id <> all (v_altered)
    order by s.stream_id
      for no key update;
  select ampsync_private.lock_for_change(array_agg(s.target), v_dataset.offered_attempts + 1) into v_error
    from ampsync_private.stream s
   where s.stream_id = any (v_altered);
  if v_error is not null then
    perform ampsync_worker.defer_reload(p_dataset_id, p_version, p_manifest_hash, v_error, 2147483647);
    return 'in use';
  end if;

  for v_stream in
    select s.stream_id, (t.value ->> 'has_block_num')::boolean as has_block_num, t.value -> 'columns' as columns
      from ampsync_private.stream s
      join jsonb_array_elements(p_tables) t on t.value ->> 'table' = s.table_name
     where s.stream_id = any (v_fitting)
     order by s.stream_id
  loop
    perform ampsync_private.apply_evolution(v_stream.stream_id, v_stream.has_block_num, v_stream.columns);
  end loop;

  perform ampsync_private.switch_streams(v_dataset, v_names);
  perform ampsync_worker.register_streams(p_dataset_id, p_version, p_manifest_hash, v_names, v_dataset.has_namespaces);
  update ampsync_private.dataset d
     set offered_version = null, offered_hash = null, offered_attempts = 0, offered_retry = null,
         offered_error = null, quiesce_until = null
   where d.dataset_id = p_dataset_id;

  perform ampsync_private.journal(null, 'version_reload_success', jsonb_build_object(
            'from', coalesce(v_dataset.resolved_version, v_dataset.resolved_hash), 'to', p_version,
            'manifest_hash', p_manifest_hash, 'tables', to_jsonb(v_names)), p_dataset_id);
  perform ampsync_private.log_exchange(jsonb_object_agg(s.stream_id, null))
     from unnest(v_fitting) s(stream_id);
  return 'adopted';
end;
$$;

comment on function ampsync_worker.adopt_version(bigint, text, text, jsonb)
  is 'Take over the version that a dataset was offered, all tables or none.';
