-- Records what a dataset resolved to, creates one stream for each of its tables that is wanted,
-- and queues their first passes. A wanted table that the dataset lacks leaves the dataset
-- `waiting`; one whose name or target is not available leaves it `failed`, until
-- ampsync.resume_sync. The other tables continue.
--
-- Once there are streams, they stay with their version: another one is taken over by
-- adopt_version, which calls this for the tables that are new, and so is another manifest under
-- the same name. A table that the version lacks is not missing if it has a stream.
--
-- A table that comes to others which are loaded takes part in ampsync.cut once it is live (join_cut).
--
-- A dataset of more than 1,000 tables is not registered.
--
-- p_version: what goes into SQL, a semantic version or the manifest hash.
-- p_has_namespaces: false for servers of October 2025, see source_schema.
--
-- Returns the event for the log when the dataset is found: whether its versions are polled.
--
-- Idempotent: the same answer again is not journaled, and keeps counting the attempts for
-- missing tables. Locks: dataset row; inserts streams and leases.
create or replace function ampsync_worker.register_streams(
  p_dataset_id     bigint,
  p_version        text,
  p_manifest_hash  text,
  p_tables         text[],
  p_has_namespaces boolean default true
)
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset ampsync_private.dataset;
  v_table   text;
  v_missing text[];
  v_stream  bigint;
  v_refusal text;
  v_refused text[] := '{}';
  v_hint    text;
  v_hints   text := ''; -- Statements that make room for all; null if one cannot be had.
  v_code    text;
  v_beside  text;
  v_event   text;
begin
  select * into v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     for no key update;
  if not found then
    return null;
  end if;

  if cardinality(p_tables) > 1000 then
    perform ampsync_worker.defer_resolve(p_dataset_id, 'waiting', jsonb_build_object(
      'code', 'SY101',
      'message', format('%s has %s tables', v_dataset.name, cardinality(p_tables)),
      'detail', 'A dataset can have at most 1,000 tables; none of these was registered.',
      'hint', 'Retried automatically: select * from ampsync.status;'));
    return null;
  end if;

  if exists (select 1 from ampsync_private.stream s where s.dataset_id = p_dataset_id and s.query is null)
     and (p_version, p_manifest_hash) is distinct from (v_dataset.offered_version, v_dataset.offered_hash) then
    if p_version <> coalesce(v_dataset.resolved_version, v_dataset.resolved_hash) then
      return null; -- The answer is older than a reload.
    end if;
    p_manifest_hash := v_dataset.resolved_hash;
  end if;

  update ampsync_private.dataset d
     set resolved_version = p_version, resolved_hash = p_manifest_hash, resolved_tables = p_tables,
         has_namespaces = p_has_namespaces
   where d.dataset_id = p_dataset_id;

  for v_table in
    select t.name from unnest(p_tables) t(name)
     where (v_dataset.tables is null or t.name = any (v_dataset.tables))
       and not v_dataset.queries ? t.name
     order by t.name
  loop
    begin
      perform ampsync_private.check_table_name(v_table);

      insert into ampsync_private.stream
             (dataset_id, table_name, target_schema, target_table, identity, version, manifest_hash, version_since,
              from_block, since, in_cut)
      values (p_dataset_id, v_table, v_dataset.target_schema, ampsync_private.target_name(v_dataset, v_table),
              v_dataset.identity, p_version, p_manifest_hash, ampsync_private.now(), v_dataset.from_block,
              ampsync_private.now(),
              not exists (select 1
                            from ampsync_private.stream s
                           where s.dataset_id = p_dataset_id
                             and s.state <> 'orphaned'
                             and s.checkpoint_block is not null))
      on conflict do nothing -- Already known, with its state; or the target is another dataset's.
      returning stream_id into v_stream;

      if found then
        insert into ampsync_private.lease (stream_id) values (v_stream);
        perform ampsync_private.schedule_stream(v_stream);
        if v_dataset.published then
          perform ampsync_private.publish_target(v_stream);
        end if;
      end if;

      -- After the insert, which waits for whoever registers the same target right now.
      perform ampsync_private.check_target_free(p_dataset_id, v_table, v_dataset.target_schema,
                                                ampsync_private.target_name(v_dataset, v_table));
    exception
      when sqlstate 'SY003' or sqlstate 'SY004' then -- Concerns this table only; the others continue.
        get stacked diagnostics v_refusal = message_text, v_hint = pg_exception_hint;
        v_refused := v_refused || v_refusal;
        v_hints := v_hints || case when v_hint like 'alter %' then v_hint || ' ' end;
        v_code := sqlstate;
        v_beside := coalesce(v_beside, ampsync_private.load_beside(
                      p_dataset_id, ampsync_private.target_name(v_dataset, v_table)));
    end;
  end loop;

  if (v_dataset.resolved_version, v_dataset.resolved_hash, v_dataset.resolved_tables)
     is distinct from (p_version, p_manifest_hash, p_tables) then
    perform ampsync_private.journal(null, 'version_resolved', jsonb_build_object(
              'version', p_version, 'manifest_hash', p_manifest_hash, 'tables', to_jsonb(p_tables)), p_dataset_id);
  end if;

  if coalesce(v_dataset.resolved_version, v_dataset.resolved_hash) is null then
    perform ampsync_private.start_polling(p_dataset_id, coalesce(v_dataset.poll_interval, interval '5 s'));
    select case when ampsync_private.is_polled(d) then 'version_polling_initialized'
                else 'version_polling_disabled' end into v_event
      from ampsync_private.dataset d
     where d.dataset_id = p_dataset_id;
  end if;

  v_missing := array(select t.name from unnest(ampsync_private.named_tables(v_dataset)) t(name)
                      where t.name <> all (p_tables)
                        and not exists (select 1
                                          from ampsync_private.stream s
                                         where s.dataset_id = p_dataset_id
                                           and s.table_name = t.name));
  if v_refused <> '{}' then
    perform ampsync_worker.defer_resolve(p_dataset_id, 'failed', (
      select jsonb_build_object(
               'code', v_code,
               'message', left(array_to_string(v_refused, '; '), 4000),
               'hint', case
                 when count(*) = 0 and v_beside is not null then v_beside
                 else case when length(v_hints) <= 4000
                           then format('%sselect ampsync.resume_sync(%L);', v_hints, v_dataset.label)
                           else format('Remove what is in the way, then: select ampsync.resume_sync(%L);',
                                       v_dataset.label) end
                      || case when count(*) = 0 then ''
                              else format(' -- Or continue without it: select ampsync.enqueue_sync(%L, tables => %L);',
                                          v_dataset.label, array_agg(s.table_name order by s.table_name)) end
               end)
        from ampsync_private.stream s
       where s.dataset_id = p_dataset_id
         and s.shadow_of is null));
  elsif v_missing <> '{}' then
    perform ampsync_worker.defer_resolve(p_dataset_id, 'waiting', jsonb_build_object(
      'code', 'SY103',
      'message', format('%s has no table %s', v_dataset.name, array_to_string(v_missing, ', ')),
      'hint', case when v_missing <@ v_dataset.tables then '' else format( -- Named by these options alone.
                'Or take the option back: select ampsync.enqueue_sync(%L, rename => %L, exclude_columns => %2$L); ',
                v_dataset.label, (select jsonb_object_agg(m.name, null) from unnest(v_missing) m(name))) end
              || format(case when coalesce(v_dataset.tables && p_tables, true)
                          then 'Version %s stays in use for the other tables; it has: %s.'
                          else 'Publish the table; version %s has: %s.' end,
                     p_version, left(array_to_string(p_tables, ', '), 2000))));
  else
    update ampsync_private.dataset d
       set state = 'active',
           since = case when d.state <> 'active' then ampsync_private.now() else d.since end,
           attempts = 0, next_retry = null, error = null
     where d.dataset_id = p_dataset_id;
  end if;
  return v_event;
end;
$$;

comment on function ampsync_worker.register_streams(bigint, text, text, text[], boolean)
  is 'Record what a dataset resolved to and create a stream for each wanted table.';
