-- ampsync 0.1.0 with data in it. Written by scripts/keep-schema.ts; never changed.
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA ampsync;
COMMENT ON SCHEMA ampsync IS 'Datasets of Amp servers, kept in sync: functions and views for people.';
CREATE SCHEMA ampsync_private;
COMMENT ON SCHEMA ampsync_private IS 'Tables and helpers of ampsync; may change with every version.';
CREATE SCHEMA ampsync_worker;
COMMENT ON SCHEMA ampsync_worker IS 'Functions that the workers of ampsync call; may change with every version.';
CREATE SCHEMA failed;
CREATE SCHEMA graphile_worker;
CREATE SCHEMA keyed;
CREATE SCHEMA live;
CREATE SCHEMA paused;
CREATE SCHEMA rejecting;
CREATE SCHEMA resyncing;
CREATE SCHEMA retrying;
CREATE SCHEMA upgraded;
CREATE SCHEMA upgrading;
CREATE TYPE graphile_worker.job_spec AS (
	identifier text,
	payload json,
	queue_name text,
	run_at timestamp with time zone,
	max_attempts smallint,
	job_key text,
	priority smallint,
	flags text[]
);
CREATE FUNCTION ampsync.adopt(INOUT dataset text, target_schema text DEFAULT 'public'::text, OUT table_name text, OUT state text, OUT hint text) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '5s'
    AS $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(adopt.dataset);
  v_label      text := (select d.label from ampsync_private.dataset d where d.dataset_id = v_dataset_id);
  v_schemas    text[];
  v_held       jsonb;
  v_storage    text;
  v_stream     record;
  v_name       text; -- What is worked on, for errors.
begin
  v_dataset_id := ampsync_private.lock_reference(adopt.dataset);
  perform ampsync_private.check_adoptable(v_dataset_id, adopt.target_schema);
  for v_stream in
    select a.*
      from ampsync_private.adoptable(v_dataset_id, adopt.target_schema) a
     order by a.stream_id
  loop
    perform ampsync_private.revoke_lease(v_stream.stream_id);
    perform ampsync_private.follow_target(v_stream.stream_id);
  end loop;
  perform ampsync_private.check_adoptable(v_dataset_id, adopt.target_schema); -- Of ours nothing changes from here on.
  select array_agg(distinct u.name order by u.name) into v_schemas
    from ampsync_private.adoptable(v_dataset_id, adopt.target_schema) a
   cross join unnest(array[a.schema, adopt.target_schema]) u(name);
  perform pg_advisory_xact_lock(hashtextextended('ampsync.schema:' || n.name, 0))
     from unnest(v_schemas) n(name);
  v_held := ampsync_private.hold_adoptable(v_dataset_id, adopt.target_schema); -- Only these from here on.
  perform ampsync_private.copy_indexes(h.old, h.target) -- Before anybody waits.
     from jsonb_to_recordset(v_held) h(target oid, old oid)
    where h.old is not null;
  v_name := format('a table of %s', v_label);
  perform ampsync_private.lock_replacement(array(
    select unnest(array_remove(array[h.old, h.target], null))::regclass
      from jsonb_to_recordset(v_held) h(target oid, old oid)));
  for v_stream in
    select s.stream_id, h.target::regclass as target, h.old::regclass as old, s.target_schema as schema,
           s.target_table as name
      from jsonb_to_recordset(v_held) h(stream_id bigint, target oid, old oid)
      join ampsync_private.stream s using (stream_id)
     order by s.stream_id
  loop
    v_name := v_stream.target::text;
    if v_stream.old is null then
      execute format('alter table %s set schema %I', v_stream.target, adopt.target_schema);
    else
      v_storage := ampsync_private.own_storage(v_stream.old, v_stream.target);
      perform ampsync_private.replace_target(v_stream.old, v_stream.target, v_stream.schema, v_stream.name);
      if v_storage is not null then
        execute format('alter table %s %s', v_stream.target, v_storage);
      end if;
    end if;
    update ampsync_private.stream s
       set target_schema = adopt.target_schema
     where s.stream_id = v_stream.stream_id;
    perform ampsync_private.schedule_stream(v_stream.stream_id);
    perform ampsync_private.journal(v_stream.stream_id, 'table_adopted', jsonb_build_object(
              'old', format('%I.%I', v_stream.schema, v_stream.name), 'had', v_stream.old is not null));
  end loop;
  update ampsync_private.dataset d
     set target_schema = adopt.target_schema
   where d.dataset_id = v_dataset_id;
  v_name := format('%I._ampsync_checkpoints', adopt.target_schema);
  perform ampsync_private.retire_checkpoints(adopt.target_schema);
  perform ampsync_private.show_checkpoints(adopt.target_schema);
  perform ampsync_private.hide_checkpoints(n.name)
     from unnest(v_schemas) n(name);
  return query
  select r.dataset, r.table_name, r.state, r.hint
    from ampsync_private.sync_report(v_dataset_id) r;
exception
  when lock_not_available then
    raise exception using
      errcode = '55P03',
      message = format('%s is in use', coalesce(v_name, v_label)),
      detail  = 'Nothing was changed: its lock was not available in time. ' || sqlerrm,
      hint    = format('Try again once it is free: select ampsync.adopt(%L, %L);', v_label, adopt.target_schema);
end;
$$;
COMMENT ON FUNCTION ampsync.adopt(INOUT dataset text, target_schema text, OUT table_name text, OUT state text, OUT hint text) IS 'Give the tables of a dataset the place of those that the Rust ampsync made.';
CREATE FUNCTION ampsync.alter_sync(INOUT dataset text, tables text[] DEFAULT NULL::text[], target_schema text DEFAULT NULL::text, retention_blocks integer DEFAULT NULL::integer, on_deep_reorg text DEFAULT NULL::text, value_policy text DEFAULT NULL::text, nul_policy text DEFAULT NULL::text, not_null boolean DEFAULT NULL::boolean, rename jsonb DEFAULT NULL::jsonb, exclude_columns jsonb DEFAULT NULL::jsonb, from_block bigint DEFAULT NULL::bigint, on_new_version text DEFAULT NULL::text, block_index text DEFAULT NULL::text, indexes jsonb DEFAULT NULL::jsonb, poll_interval interval DEFAULT NULL::interval, queries jsonb DEFAULT NULL::jsonb, identity text DEFAULT NULL::text, OUT table_name text, OUT state text, OUT hint text) RETURNS SETOF record
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select ampsync_private.lock_reference(alter_sync.dataset); -- First: after a drop, enqueue_sync would begin a sync.
  select e.dataset, e.table_name, e.state, e.hint
    from ampsync_private.dataset d
   cross join lateral ampsync.enqueue_sync(d.label, alter_sync.tables, alter_sync.target_schema,
           alter_sync.retention_blocks, alter_sync.on_deep_reorg, alter_sync.value_policy, alter_sync.nul_policy,
           alter_sync.not_null, alter_sync.rename, alter_sync.exclude_columns,
           alter_sync.from_block, alter_sync.on_new_version, alter_sync.block_index, alter_sync.indexes,
           alter_sync.poll_interval, alter_sync.queries, alter_sync.identity) e
   where d.dataset_id = ampsync_private.find_dataset(alter_sync.dataset);
$$;
COMMENT ON FUNCTION ampsync.alter_sync(INOUT dataset text, tables text[], target_schema text, retention_blocks integer, on_deep_reorg text, value_policy text, nul_policy text, not_null boolean, rename jsonb, exclude_columns jsonb, from_block bigint, on_new_version text, block_index text, indexes jsonb, poll_interval interval, queries jsonb, identity text, OUT table_name text, OUT state text, OUT hint text) IS 'Change options of a dataset that is synced; SY004 for what is fixed once a table is created.';
CREATE FUNCTION ampsync.cancel_repair(dataset text, INOUT table_name text DEFAULT NULL::text, OUT from_block bigint, OUT to_block bigint) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(cancel_repair.dataset);
  v_stream_id  bigint;
begin
  perform ampsync_private.check_synced(v_dataset_id, cancel_repair.table_name);
  for v_stream_id, table_name, from_block, to_block in
    with cancelled as (
      delete from ampsync_private.repair r
       using ampsync_private.stream s
       where s.stream_id = r.stream_id
         and s.dataset_id = v_dataset_id
         and s.table_name = coalesce(cancel_repair.table_name, s.table_name)
      returning s.stream_id, s.table_name, r.first_block, r.last_block
    )
    select * from cancelled c order by c.table_name, c.first_block
  loop
    perform ampsync_private.journal(v_stream_id, 'repair_cancelled',
              jsonb_build_object('from_block', from_block, 'to_block', to_block));
    return next;
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync.cancel_repair(dataset text, INOUT table_name text, OUT from_block bigint, OUT to_block bigint) IS 'Cancel repairs that are not done yet; returns them.';
CREATE FUNCTION ampsync.cancel_resync(INOUT dataset text, INOUT table_name text DEFAULT NULL::text, OUT state text, OUT hint text) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(cancel_resync.dataset);
  v_upgrade    ampsync_private.upgrade;
  v_shadow     record;
begin
  perform ampsync_private.check_synced(v_dataset_id, cancel_resync.table_name);
  perform ampsync_private.close_swaps(v_dataset_id);
  select * into v_upgrade
    from ampsync_private.upgrade u
   where u.dataset_id = v_dataset_id
     and not exists (select 1 -- An upgrade passes over it.
                       from ampsync_private.stream s
                      where s.dataset_id = v_dataset_id
                        and s.table_name = cancel_resync.table_name
                        and s.shadow_of is null
                        and s.query is not null);
  if v_upgrade.dataset_id is not null and cancel_resync.table_name is not null then
    raise exception using
      errcode = 'SY004',
      message = format('the tables of %s are upgraded together', cancel_resync.dataset),
      detail  = format('Version %s is built beside all of them.', coalesce(v_upgrade.version, v_upgrade.manifest_hash)),
      hint    = format('select ampsync.cancel_resync(%L);', cancel_resync.dataset);
  elsif v_upgrade.dataset_id is not null then
    perform ampsync_private.give_up_upgrade(v_dataset_id, 'cancelled');
    update ampsync_private.dataset d
       set offered_declined = true,
           offered_error    = jsonb_build_object(
             'code', 'SY004',
             'message', format('the upgrade to version %s was cancelled',
                               coalesce(v_upgrade.version, v_upgrade.manifest_hash)),
             'hint', format('select ampsync.resync(%L);', d.label))
     where d.dataset_id = v_dataset_id
       and (d.offered_version, d.offered_hash) is not distinct from (v_upgrade.version, v_upgrade.manifest_hash);
  end if;
  for v_shadow in
    select w.stream_id, w.shadow_of
      from ampsync_private.stream w
     where w.dataset_id = v_dataset_id
       and w.table_name = coalesce(cancel_resync.table_name, w.table_name)
       and w.shadow_of is not null
       and w.state <> 'former'
     order by w.shadow_of
  loop
    perform ampsync_private.revoke_lease(v_shadow.shadow_of);
    perform ampsync_private.revoke_lease(v_shadow.stream_id);
    continue when not exists (select 1 -- Just swapped.
                                from ampsync_private.stream w
                               where w.stream_id = v_shadow.stream_id);
    perform ampsync_private.drop_shadow(v_shadow.shadow_of);
    perform ampsync_private.let_go_on(v_shadow.shadow_of);
    perform ampsync_private.journal(v_shadow.shadow_of, 'resync_cancelled');
  end loop;
  return query
  select r.dataset, r.table_name, r.state, r.hint
    from ampsync_private.sync_report(v_dataset_id) r
   where r.table_name = coalesce(cancel_resync.table_name, r.table_name);
end;
$$;
COMMENT ON FUNCTION ampsync.cancel_resync(INOUT dataset text, INOUT table_name text, OUT state text, OUT hint text) IS 'Give up the resync of a table, or the upgrade of a dataset, which continues with its old rows.';
CREATE FUNCTION ampsync.cut(dataset text, network text DEFAULT NULL::text) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(cut.dataset);
  v_networks   text[];
begin
  select array_agg(distinct s.network order by s.network) into v_networks
    from ampsync_private.stream s
   where s.dataset_id = v_dataset_id
     and s.shadow_of is null
     and s.network = coalesce(cut.network, s.network);
  if cardinality(v_networks) > 1 then
    raise exception using
      errcode = 'SY004',
      message = format('%s has several networks, and each has a cut of its own', cut.dataset),
      detail  = format('Networks: %s.', array_to_string(v_networks, ', ')),
      hint    = format('select ampsync.cut(%L, %L);', cut.dataset, v_networks[1]);
  end if;
  return ampsync_private.common_block(v_dataset_id, v_networks[1]);
end;
$$;
COMMENT ON FUNCTION ampsync.cut(dataset text, network text) IS 'The highest block at which all tables of a dataset agree, by number and hash.';
CREATE FUNCTION ampsync.doctor() RETURNS TABLE(severity text, subject text, finding text, fix text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select d.severity, d.subject, d.finding, d.fix
    from unnest('{workers,syncs,indexes,vacuum,server}'::text[]) with ordinality p (part, n)
   cross join lateral ampsync_private.diagnose(p.part) d
   order by array_position('{error,warning,info}'::text[], d.severity), p.n,
            d.subject collate "C", d.finding collate "C";
$$;
COMMENT ON FUNCTION ampsync.doctor() IS 'What is wrong with this installation, the gravest first, each with a fix; no row means that nothing was found.';
CREATE FUNCTION ampsync.drop_sync(INOUT dataset text, drop_tables boolean DEFAULT false, OUT table_name text, OUT state text, OUT hint text) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '5s'
    AS $$
#variable_conflict use_column
declare
  v_ref       record := ampsync_private.parse_reference(drop_sync.dataset);
  v_dataset   ampsync_private.dataset;
  v_stream_id bigint;
  v_schemas   text[];
  v_keys      text[];
begin
  perform ampsync_private.close_swaps(d.dataset_id)
     from ampsync_private.dataset d
    where d.namespace = v_ref.namespace
      and d.name = v_ref.name
      and d.revision is not distinct from v_ref.revision;
  select d.* into v_dataset
    from ampsync_private.dataset d
   where d.namespace = v_ref.namespace
     and d.name = v_ref.name
     and d.revision is not distinct from v_ref.revision;
  if not found then
    raise notice using
      message = format('%s is not synced, nothing was dropped', drop_sync.dataset),
      detail  = (select format('Synced: %s.', coalesce(string_agg(d.label, ', ' order by d.label), 'nothing'))
                   from ampsync_private.dataset d),
      hint    = 'select dataset from ampsync.status;';
    return;
  end if;
  for v_stream_id in
    select s.stream_id
      from ampsync_private.stream s
     where s.dataset_id = v_dataset.dataset_id
       and s.shadow_of is null
     order by s.stream_id
  loop
    perform ampsync_private.close_fence(v_stream_id);
    perform ampsync_private.close_fence(w.stream_id)
       from ampsync_private.stream w
      where w.shadow_of = v_stream_id;
  end loop;
  select array_agg(distinct t.name order by t.name) into v_schemas
    from ampsync_private.stream s
    left join pg_class c on c.oid = s.target
    left join pg_namespace n on n.oid = c.relnamespace
   cross join unnest(array[s.target_schema, n.nspname]) t(name) -- Renamed since then, perhaps.
   where s.dataset_id = v_dataset.dataset_id
     and s.shadow_of is null
     and t.name is not null;
  perform pg_advisory_xact_lock(hashtextextended('ampsync.schema:' || n.name, 0))
     from unnest(v_schemas) n(name);
  perform ampsync_private.end_index_builds(array_agg(s.target::oid))
     from ampsync_private.stream s
    where s.dataset_id = v_dataset.dataset_id;
  return query
  select v_dataset.label, r.table_name, r.state, r.hint
    from ampsync_private.release_targets(v_dataset.dataset_id, coalesce(drop_sync.drop_tables, false)) r;
  if not found then
    return query
    select v_dataset.label, null::text, 'dropped', format('select ampsync.enqueue_sync(%L);', v_dataset.label);
  end if;
  perform ampsync_private.journal(null, 'sync_dropped', jsonb_build_object(
            'tables', case when drop_sync.drop_tables then 'dropped' else 'kept' end), v_dataset.dataset_id);
  perform pg_advisory_xact_lock(ampsync_private.heads_key(v_dataset.dataset_id));
  perform 1 -- A pass that ends just now, or a step of an index, holds such a row, and queues a job next.
     from ampsync_private.stream s
    where s.dataset_id = v_dataset.dataset_id
    order by s.stream_id
      for update;
  v_keys := array(select t.task || v_dataset.dataset_id
                    from (values ('ampsync_resolve:'), ('ampsync_reload:'), ('ampsync_poll:'),
                                 ('ampsync_upgrade:')) t(task)
                   union all
                  select t.task || s.stream_id
                    from ampsync_private.stream s
                   cross join (values ('ampsync_stream:'), ('ampsync_swap:'), ('ampsync_index:')) t(task)
                   where s.dataset_id = v_dataset.dataset_id);
  delete from ampsync_private.stream s where s.dataset_id = v_dataset.dataset_id;
  delete from ampsync_private.dataset d where d.dataset_id = v_dataset.dataset_id;
  perform graphile_worker.remove_job(k.key) from unnest(v_keys) k(key);
  perform ampsync_private.hide_checkpoints(n.name)
     from unnest(v_schemas) n(name);
end;
$$;
COMMENT ON FUNCTION ampsync.drop_sync(INOUT dataset text, drop_tables boolean, OUT table_name text, OUT state text, OUT hint text) IS 'End the sync of a dataset for good; its tables are kept unless drop_tables.';
CREATE FUNCTION ampsync.enqueue_sync(INOUT dataset text, tables text[] DEFAULT NULL::text[], target_schema text DEFAULT NULL::text, retention_blocks integer DEFAULT NULL::integer, on_deep_reorg text DEFAULT NULL::text, value_policy text DEFAULT NULL::text, nul_policy text DEFAULT NULL::text, not_null boolean DEFAULT NULL::boolean, rename jsonb DEFAULT NULL::jsonb, exclude_columns jsonb DEFAULT NULL::jsonb, from_block bigint DEFAULT NULL::bigint, on_new_version text DEFAULT NULL::text, block_index text DEFAULT NULL::text, indexes jsonb DEFAULT NULL::jsonb, poll_interval interval DEFAULT NULL::interval, queries jsonb DEFAULT NULL::jsonb, identity text DEFAULT NULL::text, OUT table_name text, OUT state text, OUT hint text) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_ref      record;
  v_dataset  ampsync_private.dataset;
  v_left_out text[];
begin
  v_ref := ampsync_private.parse_reference(enqueue_sync.dataset);
  perform ampsync_private.check_sync_options(
    enqueue_sync.dataset, v_ref.name, enqueue_sync.tables, enqueue_sync.target_schema, enqueue_sync.retention_blocks,
    enqueue_sync.on_deep_reorg, enqueue_sync.value_policy, enqueue_sync.nul_policy, enqueue_sync.on_new_version,
    enqueue_sync.block_index, enqueue_sync.poll_interval, enqueue_sync.identity);
  perform ampsync_private.check_from_block(enqueue_sync.dataset, enqueue_sync.from_block);
  perform ampsync_private.check_table_options(
    enqueue_sync.dataset, enqueue_sync.rename, enqueue_sync.exclude_columns);
  if not exists (select 1 -- Its schema is decided once, by whoever begins the sync.
                   from ampsync_private.dataset d
                  where (d.namespace, d.name) = (v_ref.namespace, v_ref.name)
                    and d.revision is not distinct from v_ref.revision) then
    call ampsync_private.check_may_create(coalesce(enqueue_sync.target_schema, v_ref.name));
  end if;
  -- Locks the row of a known dataset too, so that concurrent calls queue up.
  perform ampsync_private.lock_dataset(d.dataset_id)
     from ampsync_private.dataset d
    where (d.namespace, d.name) = (v_ref.namespace, v_ref.name)
      and d.revision is not distinct from v_ref.revision;
  insert into ampsync_private.dataset as d
         (namespace, name, revision, tables, target_schema, identity, since, created_at)
  values (v_ref.namespace, v_ref.name, v_ref.revision,
          case when jsonb_strip_nulls(enqueue_sync.queries) <> '{}' then '{}'::text[] end, -- Those of queries alone.
          coalesce(enqueue_sync.target_schema, v_ref.name), coalesce(enqueue_sync.identity, 'content'),
          ampsync_private.now(), ampsync_private.now())
  on conflict (namespace, name, coalesce(revision, 'latest')) do update set name = excluded.name
  returning * into v_dataset;
  if v_dataset.target_schema <> coalesce(enqueue_sync.target_schema, v_dataset.target_schema) then
    raise exception using
      errcode = 'SY004',
      message = format('%s is synced into schema %I; its target_schema cannot be changed',
                       enqueue_sync.dataset, v_dataset.target_schema),
      detail  = format('Given: %I.', enqueue_sync.target_schema),
      hint    = format('select ampsync.enqueue_sync(%L);', enqueue_sync.dataset);
  end if;
  if v_dataset.identity <> coalesce(enqueue_sync.identity, v_dataset.identity) then
    raise exception using
      errcode = 'SY004',
      message = format('%s has identity %L, which cannot be changed', enqueue_sync.dataset, v_dataset.identity),
      detail  = format('Given: %L. Its tables are made with the key of that identity.', enqueue_sync.identity),
      hint    = format('select ampsync.enqueue_sync(%L);', enqueue_sync.dataset);
  end if;
  if ampsync_private.names_new_table(v_dataset, enqueue_sync.tables, enqueue_sync.rename, enqueue_sync.queries) then
    call ampsync_private.check_may_create(v_dataset.target_schema);
  end if;
  if enqueue_sync.tables is not null then
    select array_agg(s.table_name order by s.table_name) into v_left_out
      from ampsync_private.stream s
     where s.dataset_id = v_dataset.dataset_id
       and s.table_name <> all (enqueue_sync.tables);
    if v_left_out is not null then
      raise exception using
        errcode = 'SY004',
        message = format('synced tables of %s cannot be left out: %s',
                         enqueue_sync.dataset, array_to_string(v_left_out, ', ')),
        detail  = format('Given: %s.', enqueue_sync.tables),
        hint    = format('select ampsync.enqueue_sync(%L, tables => %L);',
                         enqueue_sync.dataset, enqueue_sync.tables || v_left_out);
    end if;
  end if;
  perform ampsync_private.apply_queries(
    v_dataset.dataset_id, enqueue_sync.tables, enqueue_sync.exclude_columns, enqueue_sync.from_block,
    enqueue_sync.queries);
  perform ampsync_private.apply_table_options(
    v_dataset.dataset_id, enqueue_sync.tables, enqueue_sync.rename, enqueue_sync.exclude_columns);
  update ampsync_private.dataset d
     set tables           = coalesce(enqueue_sync.tables, d.tables),
         retention_blocks = coalesce(enqueue_sync.retention_blocks, d.retention_blocks),
         on_deep_reorg    = coalesce(enqueue_sync.on_deep_reorg, d.on_deep_reorg),
         value_policy     = coalesce(enqueue_sync.value_policy, d.value_policy),
         nul_policy       = coalesce(enqueue_sync.nul_policy, d.nul_policy),
         not_null         = coalesce(enqueue_sync.not_null, d.not_null),
         from_block       = coalesce(enqueue_sync.from_block, d.from_block),
         on_new_version   = coalesce(enqueue_sync.on_new_version, d.on_new_version),
         block_index      = coalesce(enqueue_sync.block_index, d.block_index),
         indexes          = coalesce(enqueue_sync.indexes, d.indexes),
         poll_interval    = coalesce(enqueue_sync.poll_interval, d.poll_interval)
   where d.dataset_id = v_dataset.dataset_id
  returning * into v_dataset;
  perform ampsync_private.register_queries(v_dataset.dataset_id);
  perform ampsync_private.apply_from_block(v_dataset.dataset_id, null, enqueue_sync.from_block);
  if enqueue_sync.indexes is not null then
    perform ampsync_private.check_indexes(v_dataset.dataset_id, enqueue_sync.indexes);
  end if;
  perform ampsync_private.plan_indexes(s.stream_id, true)
     from ampsync_private.stream s
    where s.dataset_id = v_dataset.dataset_id;
  -- Not resolved yet, or resolved when a table that is wanted now was not, or was not there.
  if v_dataset.state <> 'active'
     or exists (select 1
                  from unnest(ampsync_private.named_tables(v_dataset)) t(name)
                 where not exists (select 1
                                     from ampsync_private.stream s
                                    where s.dataset_id = v_dataset.dataset_id
                                      and s.table_name = t.name)) then
    perform ampsync_private.schedule_resolve(v_dataset.dataset_id);
  end if;
  if enqueue_sync.poll_interval is not null then
    perform ampsync_private.start_polling(v_dataset.dataset_id, enqueue_sync.poll_interval);
  end if;
  perform ampsync_private.schedule_supervisor();
  return query
  select r.dataset, r.table_name, r.state, coalesce(case when s.from_block <> enqueue_sync.from_block
           then format('select ampsync.resync(%L, %L, from_block => %s); -- it begins with block %s',
                       r.dataset, r.table_name, enqueue_sync.from_block, s.from_block) end, r.hint)
    from ampsync_private.sync_report(v_dataset.dataset_id) r
    left join ampsync_private.stream s
           on s.dataset_id = v_dataset.dataset_id and s.table_name = r.table_name and s.shadow_of is null;
end;
$$;
COMMENT ON FUNCTION ampsync.enqueue_sync(INOUT dataset text, tables text[], target_schema text, retention_blocks integer, on_deep_reorg text, value_policy text, nul_policy text, not_null boolean, rename jsonb, exclude_columns jsonb, from_block bigint, on_new_version text, block_index text, indexes jsonb, poll_interval interval, queries jsonb, identity text, OUT table_name text, OUT state text, OUT hint text) IS 'Keep a dataset in sync from now on; returns the streams known so far.';
CREATE FUNCTION ampsync.explain_sync(dataset text, OUT table_name text, OUT step text, OUT statement text, OUT detail text) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_ref        record := ampsync_private.parse_reference(explain_sync.dataset);
  v_dataset_id bigint;
  v_is_asked   boolean;
  v_answer     ampsync_private.answer;
  v_steps      jsonb;
  v_swaps      jsonb;
begin
  if exists (select 1
               from ampsync_private.dataset d
              where (d.namespace, d.name) = (v_ref.namespace, v_ref.name)
                and coalesce(d.revision = v_ref.revision, v_ref.revision is null)) then
    v_dataset_id := ampsync_private.find_dataset(explain_sync.dataset);
    select d.namespace, d.name, d.revision into v_ref
      from ampsync_private.dataset d
     where d.dataset_id = v_dataset_id;
  end if;
  v_is_asked := not exists (select 1
                              from ampsync_private.dataset d
                             where d.dataset_id = v_dataset_id
                               and ampsync_private.has_only_queries(d));
  select * into v_answer
    from ampsync_private.answer a
   where v_is_asked
     and (a.namespace, a.name) = (v_ref.namespace, v_ref.name)
     and a.revision is not distinct from v_ref.revision;
  v_swaps := (select jsonb_agg(to_jsonb(e)) from ampsync_private.explain_swaps(v_dataset_id) e);
  begin
    if v_dataset_id is null then
      perform ampsync.enqueue_sync(explain_sync.dataset);
      v_dataset_id := ampsync_private.find_dataset(explain_sync.dataset);
    end if;
    if v_answer.tables is not null then
      update ampsync_private.dataset d -- As adopt_version calls it: an older answer would be ignored.
         set offered_version = v_answer.version, offered_hash = v_answer.manifest_hash
       where d.dataset_id = v_dataset_id;
      perform ampsync_worker.register_streams(
        v_dataset_id, v_answer.version, v_answer.manifest_hash,
        array(select t.value ->> 'table' from jsonb_array_elements(v_answer.tables) t), v_answer.has_namespaces);
    end if;
    select jsonb_agg(to_jsonb(e)) into v_steps
      from ampsync_private.explain_steps(v_dataset_id, v_is_asked, v_answer.answer_id) e;
    raise exception using
      errcode = 'AEXPL', -- Of no error class: nothing else raises it.
      message = 'explained',
      detail  = 'What this block did is taken back; its answer stays.',
      hint    = format('select * from ampsync.explain_sync(%L);', explain_sync.dataset);
  exception
    when sqlstate 'AEXPL' then
      null;
  end;
  if v_is_asked then
    perform ampsync_private.ask_server(v_ref.namespace, v_ref.name, v_ref.revision);
  end if;
  return query
  select e.table_name, e.step, e.statement, e.detail
    from jsonb_array_elements(coalesce(v_steps, '[]') || coalesce(v_swaps, '[]')) with ordinality s(value, n)
   cross join lateral jsonb_to_record(s.value) as e(table_name text, step text, statement text, detail text)
   order by s.n;
end;
$$;
COMMENT ON FUNCTION ampsync.explain_sync(dataset text, OUT table_name text, OUT step text, OUT statement text, OUT detail text) IS 'What a sync does or would do: statements, queries, where it resumes, and what stands in the way.';
CREATE FUNCTION ampsync.pause_sync(INOUT dataset text, OUT table_name text, OUT state text, OUT hint text) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(pause_sync.dataset);
  v_stream     record;
begin
  perform ampsync_private.close_swaps(v_dataset_id);
  update ampsync_private.dataset d
     set state = 'paused', since = ampsync_private.now(), next_retry = null
   where d.dataset_id = v_dataset_id
     and d.state = 'waiting';
  for v_stream in
    select s.stream_id
      from ampsync_private.stream s
     where s.dataset_id = v_dataset_id
       and (not ampsync_private.is_halted(s.state) or s.state = 'resyncing')
     order by s.stream_id
  loop
    perform ampsync_private.revoke_lease(v_stream.stream_id);
    update ampsync_private.stream s
       set state = 'paused', since = ampsync_private.now(), attempts = 0, next_retry = null, error = null
     where s.stream_id = v_stream.stream_id;
    perform ampsync_private.journal(v_stream.stream_id, 'paused');
  end loop;
  update ampsync_private.upgrade u -- It begins with loading again, up to the head of then.
     set frozen_at = null
   where u.dataset_id = v_dataset_id
     and u.frozen_at is not null;
  return query
  select r.dataset, r.table_name, r.state, r.hint
    from ampsync_private.sync_report(v_dataset_id) r;
end;
$$;
COMMENT ON FUNCTION ampsync.pause_sync(INOUT dataset text, OUT table_name text, OUT state text, OUT hint text) IS 'Stop a dataset immediately, until ampsync.resume_sync.';
CREATE FUNCTION ampsync.repair(dataset text, INOUT table_name text DEFAULT NULL::text, INOUT from_block bigint DEFAULT NULL::bigint, INOUT to_block bigint DEFAULT NULL::bigint, accept_fewer boolean DEFAULT false, OUT state text, OUT hint text) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(repair.dataset);
  v_stream     ampsync_private.stream;
  v_stream_id  bigint;
  v_is_held    boolean;
  v_obstacle   text;
begin
  if from_block is null and to_block is null then
    return query
    select * from ampsync_private.repair_found(v_dataset_id, repair.dataset, repair.table_name,
                                               coalesce(repair.accept_fewer, false));
    if not found then
      raise notice 'verify found no damage';
    end if;
    return;
  end if;
  select s.stream_id into v_stream_id
    from ampsync_private.stream s
   where s.dataset_id = v_dataset_id
     and s.table_name = repair.table_name
     and s.shadow_of is null;
  v_is_held := ampsync_private.hold_target(v_stream_id);
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = v_stream_id
     for key share; -- After the target, as drop_sync has it.
  if not found then -- Perhaps dropped meanwhile.
    perform ampsync_private.check_synced(v_dataset_id, repair.table_name);
  elsif v_stream.target is not null and not v_is_held then
    call ampsync_private.raise_target_moved(v_stream.stream_id);
  end if;
  v_obstacle := ampsync_private.repair_obstacle(v_stream.stream_id, from_block, to_block);
  if v_obstacle = 'range' then
    raise exception using
      errcode = 'SY004',
      message = format('blocks %s to %s are not a range of blocks that table %s holds',
                       coalesce(from_block::text, 'null'), coalesce(to_block::text, 'null'), repair.table_name),
      detail  = format('It holds blocks %s to %s.',
                       coalesce((v_stream.origin + greatest(v_stream.from_block - v_stream.origin, 0))::text, 'none'),
                       coalesce(v_stream.checkpoint_block::text, 'none')),
      hint    = format('select * from ampsync.verify(%L, %L);', repair.dataset, repair.table_name);
  elsif v_obstacle = 'reorg' then
    raise exception using
      errcode = 'SY004',
      message = format('blocks from %s on cannot be repaired yet',
                       (select min(h.first_block) from ampsync_private.history h
                         where h.stream_id = v_stream.stream_id)),
      detail  = 'A reorg may still replace them, and rows without a block hash cannot prove that the server is on the '
                'same chain.',
      hint    = format('Wait until the chain has moved on, or: select ampsync.resync(%L, %L);',
                       repair.dataset, repair.table_name);
  elsif v_obstacle is not null then
    raise exception using
      errcode = 'SY004',
      message = format('table %s cannot be repaired in part', repair.table_name),
      detail  = case v_obstacle
                  when 'query'
                    then 'It has a query, to which no condition is added, so that rows cannot be requested by block.'
                  else 'The server does not offer _block_num for it, so rows cannot be requested by block.'
                end,
      hint    = format('select ampsync.resync(%L, %L);', repair.dataset, repair.table_name);
  end if;
  perform ampsync_private.request_repair(v_stream.stream_id, from_block, to_block,
                                         coalesce(repair.accept_fewer, false));
  state := 'queued';
  return next;
end;
$$;
COMMENT ON FUNCTION ampsync.repair(dataset text, INOUT table_name text, INOUT from_block bigint, INOUT to_block bigint, accept_fewer boolean, OUT state text, OUT hint text) IS 'Fetch blocks again, as a job, and replace their rows in one transaction: a range of one table, or all that verify finds. Returns what becomes of each range.';
CREATE FUNCTION ampsync.resume_sync(INOUT dataset text, OUT table_name text, OUT state text, OUT hint text) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(resume_sync.dataset);
  v_stream     record;
begin
  perform ampsync_private.lock_dataset(v_dataset_id);
  update ampsync_private.dataset d
     set state = 'waiting', since = case when d.state <> 'waiting' then ampsync_private.now() else d.since end,
         attempts = 0, next_retry = null, error = null
   where d.dataset_id = v_dataset_id
     and d.state in ('failed', 'paused', 'waiting');
  if found then
    perform ampsync_private.schedule_resolve(v_dataset_id);
  end if;
  update ampsync_private.dataset d
     set offered_attempts = 0, offered_retry = null
   where d.dataset_id = v_dataset_id
     and d.offered_version is not null;
  if found then
    perform ampsync_private.schedule_reload(v_dataset_id);
  end if;
  update ampsync_private.upgrade u
     set attempts = 0, next_retry = null, error = null
   where u.dataset_id = v_dataset_id
     and u.next_retry is not null;
  for v_stream in
    update ampsync_private.stream s
       set state = case when exists (select 1
                                       from ampsync_private.stream w
                                      where w.shadow_of = s.stream_id and w.state <> 'former'
                                        and not ampsync_private.is_beside(w))
                        then 'resyncing' else 'retrying' end,
           since = ampsync_private.now(), attempts = 0, deaths = 0, next_retry = null,
           load_started = null, load_from = null
     where s.dataset_id = v_dataset_id
       and s.state in ('paused', 'failed', 'retrying', 'waiting')
    returning s.stream_id, s.state
  loop
    if v_stream.state = 'retrying' then
      perform ampsync_private.schedule_stream(v_stream.stream_id);
    end if;
    perform ampsync_private.journal(v_stream.stream_id, 'resumed');
  end loop;
  perform ampsync_private.start_polling(v_dataset_id, interval '0');
  return query
  select r.dataset, r.table_name, r.state, r.hint
    from ampsync_private.sync_report(v_dataset_id) r;
end;
$$;
COMMENT ON FUNCTION ampsync.resume_sync(INOUT dataset text, OUT table_name text, OUT state text, OUT hint text) IS 'Restart the paused and failed streams of a dataset, from their checkpoints.';
CREATE FUNCTION ampsync.resync(INOUT dataset text, INOUT table_name text DEFAULT NULL::text, from_block bigint DEFAULT NULL::bigint, OUT state text, OUT hint text) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(resync.dataset);
  v_dataset    ampsync_private.dataset;
  v_stream_id  bigint;
begin
  perform ampsync_private.check_synced(v_dataset_id, resync.table_name);
  perform ampsync_private.check_from_block(resync.dataset, resync.from_block);
  perform ampsync_private.check_query_start(d, resync.table_name, resync.from_block)
     from ampsync_private.dataset d
    where d.dataset_id = v_dataset_id;
  perform ampsync_private.lock_dataset(v_dataset_id);
  if resync.table_name is null then
    update ampsync_private.dataset d
       set from_block = resync.from_block
     where d.dataset_id = v_dataset_id
       and d.from_block <> resync.from_block;
  end if;
  perform ampsync_private.apply_from_block(v_dataset_id, resync.table_name, resync.from_block);
  select * into v_dataset -- None if it was dropped meanwhile.
    from ampsync_private.dataset d
   where d.dataset_id = v_dataset_id;
  if not v_dataset.queries ? resync.table_name then -- Null without a name.
    perform ampsync_private.check_query_removed(v_dataset, resync.table_name);
  end if;
  if resync.table_name is null and coalesce(v_dataset.offered_version, v_dataset.offered_hash) is not null then
    perform ampsync_private.request_upgrade(v_dataset_id, resync.from_block);
  end if;
  for v_stream_id in
    select s.stream_id
      from ampsync_private.stream s
     where s.dataset_id = v_dataset_id
       and s.table_name = coalesce(resync.table_name, s.table_name)
       and s.shadow_of is null
       and (s.target is not null or s.state = 'failed')
       and s.state not in ('orphaned', 'resyncing')
       and (not exists (select 1
                          from ampsync_private.upgrade u
                         where u.dataset_id = v_dataset_id)
            or s.query is not null and resync.table_name is not null) -- No upgrade loads it.
     order by s.stream_id
  loop
    perform ampsync_private.revoke_lease(v_stream_id);
    continue when exists (select 1 -- Paused, or just begun.
                            from ampsync_private.stream w
                           where w.shadow_of = v_stream_id and w.state <> 'former');
    if exists (select 1
                 from ampsync_private.stream s
                 join pg_class c on c.oid = s.target
                where s.stream_id = v_stream_id) then
      perform ampsync_private.start_shadow(v_stream_id, ampsync_private.now(), resync.from_block);
    else
      perform ampsync_private.check_may_read(to_regnamespace(quote_ident(s.target_schema)), null)
         from ampsync_private.stream s
        where s.stream_id = v_stream_id;
      if exists (select 1
                   from ampsync_private.stream s
                  where s.stream_id = v_stream_id
                    and to_regclass(format('%I.%I', s.target_schema, s.target_table)) is not null) then
        call ampsync_private.raise_target_moved(v_stream_id);
      end if;
      update ampsync_private.stream s
         set from_block = coalesce(resync.from_block, s.from_block)
       where s.stream_id = v_stream_id;
      perform ampsync_private.forget_target(v_stream_id);
      perform ampsync_private.take_query(v_stream_id);
    end if;
    perform ampsync_private.journal(v_stream_id, 'resync_started');
  end loop;
  perform ampsync_private.schedule_supervisor();
  return query
  select r.dataset, r.table_name, r.state, r.hint
    from ampsync_private.sync_report(v_dataset_id) r
   where r.table_name = coalesce(resync.table_name, r.table_name);
end;
$$;
COMMENT ON FUNCTION ampsync.resync(INOUT dataset text, INOUT table_name text, from_block bigint, OUT state text, OUT hint text) IS 'Load a table, or all of a dataset, again from the first block, or its new version, then swap in one transaction.';
CREATE FUNCTION ampsync.rollback_version(INOUT dataset text, OUT table_name text, OUT state text, OUT hint text) RETURNS SETOF record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.lock_reference(rollback_version.dataset);
  v_dataset    ampsync_private.dataset;
  v_former     ampsync_private.former;
  v_stream     record;
  v_lost       bigint[] := '{}';
  v_back       bigint[];
begin
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
  perform ampsync_private.exchange_streams(v_back, true, false);
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
COMMENT ON FUNCTION ampsync.rollback_version(INOUT dataset text, OUT table_name text, OUT state text, OUT hint text) IS 'Bring back the version that the last upgrade of a dataset replaced, in one transaction.';
CREATE FUNCTION ampsync.set_retention(INOUT event_age interval DEFAULT NULL::interval, INOUT event_rows bigint DEFAULT NULL::bigint, INOUT former_age interval DEFAULT NULL::interval) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if event_age < interval '1 day' or event_rows < 10000 then
    raise exception using
      errcode = 'SY004',
      message = 'events are kept for at least one day, and at least 10,000 of them',
      detail  = format('event_age is %s, event_rows is %s.', coalesce(event_age::text, 'left out'),
                       coalesce(event_rows::text, 'left out')),
      hint    = 'select * from ampsync.set_retention(event_age => interval ''30 days'', event_rows => 1000000);';
  end if;
  if former_age < interval '0' then
    raise exception using
      errcode = 'SY004',
      message = format('former_age cannot be negative: %s', former_age),
      detail  = 'Nothing was changed. Zero drops former tables at once.',
      hint    = 'select * from ampsync.set_retention(former_age => interval ''7 days'');';
  end if;
  update ampsync_private.retention r
     set event_age  = coalesce(set_retention.event_age, r.event_age),
         event_rows = coalesce(set_retention.event_rows, r.event_rows),
         former_age = coalesce(set_retention.former_age, r.former_age)
  returning r.event_age, r.event_rows, r.former_age
       into event_age, event_rows, former_age;
end;
$$;
COMMENT ON FUNCTION ampsync.set_retention(INOUT event_age interval, INOUT event_rows bigint, INOUT former_age interval) IS 'Set how long and how many events, and how long former tables, are kept; without arguments it only shows that.';
CREATE FUNCTION ampsync.set_source(INOUT dataset text, INOUT flight_addr text DEFAULT NULL::text, INOUT admin_addr text DEFAULT NULL::text) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_dataset_id bigint;
  v_old        ampsync_private.dataset;
  v_new        ampsync_private.dataset;
  v_stream_id  bigint;
begin
  perform ampsync_private.check_address(set_source.dataset, 'flight_addr', set_source.flight_addr);
  if set_source.admin_addr is distinct from 'off' then
    perform ampsync_private.check_address(set_source.dataset, 'admin_addr', set_source.admin_addr);
  end if;
  v_dataset_id := ampsync_private.lock_reference(set_source.dataset);
  select * into v_old
    from ampsync_private.dataset d
   where d.dataset_id = v_dataset_id;
  update ampsync_private.dataset d
     set flight_addr = nullif(coalesce(set_source.flight_addr, d.flight_addr), ''),
         admin_addr  = nullif(coalesce(set_source.admin_addr, d.admin_addr), '')
   where d.dataset_id = v_dataset_id
  returning * into v_new;
  dataset := v_new.label;
  flight_addr := v_new.flight_addr;
  admin_addr := v_new.admin_addr;
  if (v_new.flight_addr, v_new.admin_addr) is not distinct from (v_old.flight_addr, v_old.admin_addr) then
    return;
  end if;
  perform ampsync_private.journal(null, 'source_changed', jsonb_build_object(
            'from', jsonb_build_object('flight_addr', v_old.flight_addr, 'admin_addr', v_old.admin_addr),
            'to', jsonb_build_object('flight_addr', v_new.flight_addr, 'admin_addr', v_new.admin_addr)),
            v_dataset_id);
  if v_new.flight_addr is distinct from v_old.flight_addr then
    for v_stream_id in
      select s.stream_id
        from ampsync_private.stream s
       where s.dataset_id = v_dataset_id
         and not ampsync_private.is_halted(s.state)
       order by s.stream_id
    loop
      perform ampsync_private.revoke_lease(v_stream_id);
      update ampsync_private.stream s
         set next_retry = null
       where s.stream_id = v_stream_id
         and s.next_retry is not null;
      perform ampsync_private.schedule_stream(v_stream_id);
    end loop;
    perform pg_advisory_xact_lock(ampsync_private.heads_key(v_dataset_id)); -- See there: heartbeats go round it.
    delete from ampsync_private.head e where e.dataset_id = v_dataset_id;
  end if;
  delete from ampsync_private.answer a
   where (a.namespace, a.name) = (v_new.namespace, v_new.name)
     and a.revision is not distinct from v_new.revision;
  update ampsync_private.dataset d -- A version that was refused or rolled back stays so.
     set offered_version  = null,
         offered_hash     = null,
         offered_attempts = 0,
         offered_retry    = null,
         offered_error    = null,
         quiesce_until    = null
   where d.dataset_id = v_dataset_id
     and not d.offered_declined;
  if v_new.state = 'waiting' then
    update ampsync_private.dataset d
       set attempts = 0, next_retry = null, error = null
     where d.dataset_id = v_dataset_id;
    perform ampsync_private.schedule_resolve(v_dataset_id);
  end if;
  perform ampsync_private.start_polling(v_dataset_id, interval '0');
end;
$$;
COMMENT ON FUNCTION ampsync.set_source(INOUT dataset text, INOUT flight_addr text, INOUT admin_addr text) IS 'Say which Amp server a dataset is read from; with the dataset alone it only shows that.';
CREATE FUNCTION ampsync.verify(dataset text, INOUT table_name text DEFAULT NULL::text, OUT finding text, OUT first_block bigint, OUT last_block bigint, OUT detail text, OUT hint text) RETURNS SETOF record
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(verify.dataset);
  v_stream     record;
  v_rejected   bigint;
begin
  perform ampsync_private.check_synced(v_dataset_id, verify.table_name);
  for v_stream in
    select s.stream_id, s.table_name, s.target, s.origin, s.checkpoint_block
      from ampsync_private.stream s
     where s.dataset_id = v_dataset_id
       and s.table_name = coalesce(verify.table_name, s.table_name)
       and s.shadow_of is null
       and s.target is not null
     order by s.table_name
  loop
    perform ampsync_private.check_may_verify(v_stream.stream_id);
    if not ampsync_private.hold_target(v_stream.stream_id) then
      return query
      select v_stream.table_name, 'table gone', v_stream.origin, v_stream.checkpoint_block, 'The table was dropped.',
             format('select ampsync.resync(%L, %L);', verify.dataset, v_stream.table_name);
      continue;
    end if;
    return query
    select v_stream.table_name, f.finding, f.first_block, f.last_block, f.detail,
           case when b.blocks is null then format('select ampsync.resync(%L, %L);', verify.dataset, v_stream.table_name)
                else format('select ampsync.repair(%L, %L, %s, %s);', verify.dataset, v_stream.table_name,
                            lower(b.blocks), upper(b.blocks) - 1) end
      from ampsync_private.find_faults(v_stream.stream_id) f
     cross join lateral ampsync_private.repairable(v_stream.stream_id, f.finding, f.first_block, f.last_block) b(blocks)
     order by f.first_block, f.finding;
    select count(*) into v_rejected
      from ampsync_private.reject r
     where r.stream_id = v_stream.stream_id;
    if v_rejected > 0 then
      raise notice 'rejected rows of table %, see ampsync.rejects: %', v_stream.table_name, v_rejected;
    end if;
    if ampsync_private.hash_column(v_stream.stream_id)
       is distinct from ampsync_private.named_hash_column(v_stream.stream_id) then
      raise notice 'column % of table % is not the hash of its blocks, so no hashes were compared',
        ampsync_private.named_hash_column(v_stream.stream_id), v_stream.table_name;
    end if;
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync.verify(dataset text, INOUT table_name text, OUT finding text, OUT first_block bigint, OUT last_block bigint, OUT detail text, OUT hint text) IS 'Look for damage in a dataset''s tables; no row means that all is well. Takes about 2 s per million rows.';
CREATE FUNCTION ampsync.version() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select s.version
    from ampsync_private.source s
   where s.name = 'functions';
$$;
COMMENT ON FUNCTION ampsync.version() IS 'Version of ampsync that installed the functions of this schema.';
CREATE FUNCTION ampsync.wait_for_block(dataset text, block bigint, timeout interval DEFAULT '00:00:10'::interval, network text DEFAULT NULL::text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_deadline timestamptz := ampsync_private.now() + least(timeout, interval '60 s');
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using
      errcode = '25001',
      message = 'wait_for_block needs a READ COMMITTED transaction',
      detail  = format('A %s transaction never sees what others commit after its first statement.',
                       upper(current_setting('transaction_isolation'))),
      hint    = format('begin isolation level read committed; select ampsync.wait_for_block(%L, %s); commit;',
                       dataset, block);
  end if;
  while ampsync.cut(dataset, network) is null or ampsync.cut(dataset, network) < block loop
    if ampsync_private.now() >= v_deadline then
      if pg_is_in_recovery() and pg_last_wal_replay_lsn() < pg_last_wal_receive_lsn()
         and not current_setting('hot_standby_feedback')::boolean then
        raise exception using
          errcode = '55000',
          message = format('the standby stood still while wait_for_block waited for block %s of %s', block, dataset),
          detail  = 'It has received more than it has replayed: without hot_standby_feedback, replay stops for '
                    'statements that might still read what it removes, and this is one.',
          hint    = 'alter system set hot_standby_feedback = on; select pg_reload_conf();';
      end if;
      return false;
    end if;
    perform pg_sleep(0.02);
  end loop;
  return true;
end;
$$;
COMMENT ON FUNCTION ampsync.wait_for_block(dataset text, block bigint, timeout interval, network text) IS 'Wait until all tables of a dataset agree at a block; a statement of its own.';
CREATE FUNCTION ampsync_private.add_counts(p_counts jsonb, p_more jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select p_counts || coalesce(jsonb_object_agg(m.name, coalesce((p_counts ->> m.name)::bigint, 0) + m.count), '{}')
    from (select a.value ->> 'column' as name, sum((a.value ->> 'count')::bigint) as count
            from jsonb_array_elements(p_more) a
           group by 1) m;
$$;
COMMENT ON FUNCTION ampsync_private.add_counts(p_counts jsonb, p_more jsonb) IS 'Add counts per column to an object of counts.';
CREATE FUNCTION ampsync_private.add_hint(p_stream_id bigint, p_error jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  v_code   text := p_error ->> 'code';
  v_stream ampsync_private.stream;
  v_table  regclass;
  v_hint   text;
begin
  if p_error ->> 'hint' like '%<dataset>%' then -- Written where the stream of the error was not known.
    return p_error || jsonb_build_object('hint', (
      select replace(replace(replace(p_error ->> 'hint', '<dataset>', d.label), '<table>', s.table_name), '<excluded>',
                     coalesce((select string_agg(replace(to_json(n.name)::text, '''', '''''') || ', ', '')
                                 from jsonb_array_elements_text(d.exclude_columns -> s.table_name) n(name)), ''))
        from ampsync_private.stream s
        join ampsync_private.dataset d using (dataset_id)
       where s.stream_id = p_stream_id));
  end if;
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     and v_code in ('23503', '23001', '42501', '42P01', '3F000', '42883', '42704');
  if not found then
    return p_error;
  end if;
  select c.oid into v_table -- Null if it is not created yet, or gone.
    from pg_class c
   where c.oid = v_stream.target;
  if v_code in ('23503', '23001') then -- PostgreSQL 18 has the other one for ON DELETE RESTRICT.
    -- When a reorg deletes rows, rows that refer to them must go too. New rows may refer to rows that are missing.
    select string_agg(case when k.confrelid = v_table
             then format('alter table %1$s drop constraint %2$I; alter table %1$s add constraint %2$I %3$s; ',
                         k.conrelid::regclass, k.conname,
                         regexp_replace(replace(pg_get_constraintdef(k.oid), ' ON DELETE RESTRICT', ''),
                                        '( DEFERRABLE| NOT VALID|$)', E' ON DELETE CASCADE\\1'))
             else format('alter table %s drop constraint %I; ', v_table, k.conname) end, '' order by k.conname)
      into v_hint
      from pg_constraint k
     where k.contype = 'f'
       and k.conparentid = 0
       and k.conname = coalesce(p_error ->> 'constraint', k.conname)
       and (k.confrelid = v_table and k.confdeltype in ('a', 'r') or k.conrelid = v_table);
  elsif v_code = '42501' then
    v_hint := concat(
      case when to_regnamespace(quote_ident(v_stream.target_schema)) is null
           then case when not has_database_privilege(current_database(), 'create')
                     then format('grant create on database %I to %I; ', current_database(),
                                 ampsync_private.writer()) end
           when not has_schema_privilege(quote_ident(v_stream.target_schema), 'usage')
             or v_table is null and not has_schema_privilege(quote_ident(v_stream.target_schema), 'create')
           then format('grant usage, create on schema %I to %I; ', v_stream.target_schema, ampsync_private.writer())
           end,
      case when v_table is not null
            and not (has_table_privilege(v_table, 'select') and has_table_privilege(v_table, 'insert')
                     and has_table_privilege(v_table, 'delete'))
           then format('grant select, insert, delete on %s to %I; ', v_table, ampsync_private.writer()) end);
    if v_hint = '' then -- Our own rights suffice: a trigger lacks some.
      v_hint := format('select tgname, tgfoid::regprocedure from pg_trigger '
                       'where tgrelid = %L::regclass and not tgisinternal; ', v_table);
    end if;
  elsif to_regclass(format('%I.%I', v_stream.target_schema, v_stream.target_table)) = v_table then
    -- The table exists: one of its triggers names something without a schema, and writes run with search_path
    -- pg_catalog.
    select string_agg(distinct format('alter function %s set search_path = %I, pg_temp; ',
                                      f.oid::regprocedure, n.nspname), '')
      into v_hint
      from pg_trigger t
      join pg_proc f on f.oid = t.tgfoid
      join pg_namespace n on n.oid = f.pronamespace
     where t.tgrelid = v_table
       and not t.tgisinternal
       and not exists (select 1 from unnest(f.proconfig) c(setting) where c.setting like 'search!_path=%' escape '!');
  elsif v_stream.target is not null then
    select p.hint into v_hint
      from ampsync_private.find_target(p_stream_id) p;
    if v_hint is not null then
      return p_error || jsonb_build_object('hint', v_hint);
    end if;
    return p_error || '{"hint": "The next pass follows the rename automatically: select * from ampsync.streams;"}';
  end if;
  return case when v_hint is null then p_error
              else p_error || jsonb_build_object('hint', v_hint
                     || format('select ampsync.resume_sync(%L);', ampsync_private.stream_label(p_stream_id))) end;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.add_hint(p_stream_id bigint, p_error jsonb) IS 'An error of PostgreSQL about a target, with the statements that help.';
CREATE FUNCTION ampsync_private.adoptable(p_dataset_id bigint, p_target_schema text) RETURNS TABLE(stream_id bigint, table_name text, state text, target regclass, schema text, name text, old regclass)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select s.stream_id, s.table_name, s.state, s.target, s.target_schema, s.target_table,
         to_regclass(format('%I.%I', p_target_schema, s.target_table))
    from ampsync_private.stream s
   where s.dataset_id = p_dataset_id
     and s.shadow_of is null
     and s.state <> 'orphaned'
     and s.target_schema <> p_target_schema;
$$;
COMMENT ON FUNCTION ampsync_private.adoptable(p_dataset_id bigint, p_target_schema text) IS 'The tables of a dataset that ampsync.adopt would move into a schema, each with the one whose place it takes.';
CREATE FUNCTION ampsync_private.adoptable_oids(p_dataset_id bigint, p_target_schema text) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select coalesce(jsonb_agg(jsonb_build_object('stream_id', a.stream_id, 'target', a.target::oid, 'old', a.old::oid)
                            order by a.stream_id), '[]')
    from ampsync_private.adoptable(p_dataset_id, p_target_schema) a;
$$;
COMMENT ON FUNCTION ampsync_private.adoptable_oids(p_dataset_id bigint, p_target_schema text) IS 'The tables that ampsync.adopt would exchange, by OIDs.';
CREATE FUNCTION ampsync_private.allow_nulls(p_table regclass, p_other regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_column name;
begin
  for v_column in
    select a.attname
      from pg_attribute a
      join pg_attribute o on o.attrelid = p_other and o.attname = a.attname and not o.attisdropped
     where a.attrelid = p_table
       and a.attnum > 0
       and a.attnotnull
       and not o.attnotnull
  loop
    execute format('alter table %s alter column %I drop not null', p_table, v_column);
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_private.allow_nulls(p_table regclass, p_other regclass) IS 'Let the columns of a table be null where those of another one may be.';
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE ampsync_private.history (
    stream_id bigint NOT NULL,
    first_block bigint NOT NULL,
    last_block bigint NOT NULL,
    hash bytea NOT NULL,
    prev_hash bytea,
    CONSTRAINT history_hash_check CHECK (((octet_length(hash) = 32) AND (octet_length(prev_hash) = 32))),
    CONSTRAINT history_range_check CHECK (((first_block >= 0) AND (first_block <= last_block) AND (last_block < '281474976710655'::bigint)))
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='2000', autovacuum_vacuum_cost_delay='0');
COMMENT ON TABLE ampsync_private.history IS 'The recent watermarks of each stream, unbroken and chained by hash: the points a reorg can step back to.';
CREATE FUNCTION ampsync_private.append_history(p_stream_id bigint, p_watermarks jsonb) RETURNS ampsync_private.history
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_tip    ampsync_private.history;
  v_broken record;
begin
  select * into v_tip
    from ampsync_private.history h
   where h.stream_id = p_stream_id
   order by h.last_block desc
   limit 1;
  with watermark as (
    select w.ordinality,
           (w.value ->> 'start')::bigint as first_block,
           (w.value ->> 'end')::bigint as last_block,
           decode(substr(w.value ->> 'hash', 3), 'hex') as hash,
           decode(substr(w.value ->> 'prev_hash', 3), 'hex') as prev_hash
      from jsonb_array_elements(p_watermarks) with ordinality w
  ),
  appended as (
    insert into ampsync_private.history (stream_id, first_block, last_block, hash, prev_hash)
    select p_stream_id, w.first_block, w.last_block, w.hash, w.prev_hash
      from watermark w
     order by w.ordinality
    on conflict on constraint history_pkey do nothing -- It lies within the history, so it is rejected below.
  ),
  pair as (
    select w.*,
           coalesce(lag(w.last_block) over o, v_tip.last_block) as before_block,
           coalesce(lag(w.hash) over o, v_tip.hash) as before_hash
      from watermark w
    window o as (order by w.ordinality)
  )
  select p.first_block, p.prev_hash, p.before_block, p.before_hash into v_broken
    from pair p
   where p.first_block <> p.before_block + 1
      or p.prev_hash <> p.before_hash
   limit 1;
  if found then
    raise exception using
      errcode = 'SY101',
      message = format('the range that starts at block %s does not follow block %s',
                       v_broken.first_block, v_broken.before_block),
      detail  = format('Its parent hash is %s, the stored hash is %s.',
                       coalesce(encode(v_broken.prev_hash, 'hex'), 'null'), encode(v_broken.before_hash, 'hex')),
      hint    = 'The stream reconnects at its checkpoint automatically; select * from ampsync.events;';
  end if;
  select * into strict v_tip
    from ampsync_private.history h
   where h.stream_id = p_stream_id
   order by h.last_block desc
   limit 1;
  return v_tip;
end;
$$;
COMMENT ON FUNCTION ampsync_private.append_history(p_stream_id bigint, p_watermarks jsonb) IS 'Append watermarks that continue a history; SY101 if they do not.';
CREATE FUNCTION ampsync_private.append_ledger(p_stream_id bigint, p_watermarks jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_counted bigint;
  v_firsts  bigint[];
  v_lasts   bigint[];
begin
  insert into ampsync_private.ledger (stream_id, first_block, last_block, row_count, id_xor)
  select p_stream_id, (w.value ->> 'start')::bigint, (w.value ->> 'end')::bigint,
         (w.value ->> 'rows')::bigint, (w.value ->> 'id_xor')::bigint
    from jsonb_array_elements(p_watermarks) w
   where w.value ? 'rows';
  get diagnostics v_counted = row_count;
  if v_counted = jsonb_array_length(p_watermarks) then
    return;
  end if;
  select array_agg((w.value ->> 'start')::bigint), array_agg((w.value ->> 'end')::bigint) into v_firsts, v_lasts
    from jsonb_array_elements(p_watermarks) w
   where not w.value ? 'rows';
  insert into ampsync_private.ledger (stream_id, first_block, last_block, row_count, id_xor)
  select p_stream_id, m.first_block, m.last_block, m.row_count, m.id_xor
    from ampsync_private.stream s
   cross join lateral ampsync_private.measure_rows(s.target, s.identity, v_firsts, v_lasts) m
   where s.stream_id = p_stream_id;
end;
$$;
COMMENT ON FUNCTION ampsync_private.append_ledger(p_stream_id bigint, p_watermarks jsonb) IS 'Record what the ranges of finished microbatches hold: rows, and the xor of their _id.';
CREATE FUNCTION ampsync_private.apply_evolution(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '300ms'
    AS $$
declare
  v_step    record;
  v_differs boolean := false;
  v_freed   text[];
  v_detail  text;
begin
  for v_step in
    select e.*
      from ampsync_private.plan_evolution(p_stream_id, p_has_block_num, p_columns) e
     where e.action <> 'keep'
  loop
    v_differs := true;
    begin
      execute coalesce(v_step.ddl, 'select');
    exception when feature_not_supported or dependent_objects_still_exist or syntax_error_or_access_rule_violation then
      get stacked diagnostics v_detail = pg_exception_detail;
      raise exception using
        errcode = 'SY201',
        message = format('column %s cannot be changed as the schema requires: %s', v_step.column_name, sqlerrm),
        detail  = coalesce(nullif(v_detail, ''), 'Nothing was changed.'),
        hint    = format('%s; select ampsync.resume_sync(%L);', v_step.ddl, ampsync_private.stream_label(p_stream_id));
    end;
    case v_step.action
      when 'add_column' then
        perform ampsync_private.journal(p_stream_id, 'column_added', jsonb_build_object(
                  'column', v_step.column_name, 'type', v_step.new_type));
      when 'widen_column' then
        perform ampsync_private.journal(p_stream_id, 'column_widened', jsonb_build_object(
                  'column', v_step.column_name, 'from', v_step.old_type, 'to', v_step.new_type));
      when 'forget_column' then
        perform ampsync_private.journal(p_stream_id, 'column_forgotten', jsonb_build_object(
                  'column', v_step.column_name));
      when 'drop_not_null' then
        v_freed := v_freed || v_step.column_name;
      when 'refuse' then -- Since its caller checked: another session changed the table.
        perform ampsync_private.check_evolution(p_stream_id, p_has_block_num, p_columns);
    end case;
  end loop;
  if v_freed is not null then
    perform ampsync_private.journal(p_stream_id, 'not_null_dropped', jsonb_build_object('columns', v_freed));
  end if;
  if v_differs then
    update ampsync_private.stream s
       set columns = (
             select jsonb_agg(jsonb_build_object(
                                'name', p.name, 'type', format_type(a.atttypid, a.atttypmod),
                                'not_null', coalesce(m.not_null, false) and p.name <> all (coalesce(v_freed, '{}')))
                              order by m.n, p.n)
               from (select p.value ->> 'name' as name, p.ordinality as n
                       from jsonb_array_elements(p_columns) with ordinality p) p
               join pg_attribute a on a.attrelid = s.target and a.attname = p.name
               left join (select m.value ->> 'name' as name, (m.value ->> 'not_null')::boolean as not_null,
                                 m.ordinality as n
                            from jsonb_array_elements(s.columns) with ordinality m) m using (name))
     where s.stream_id = p_stream_id;
  end if;
  return v_differs;
end;
$$;
COMMENT ON FUNCTION ampsync_private.apply_evolution(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb) IS 'Change a stream''s target so that it fits the planned columns; SY201 if that is refused.';
CREATE FUNCTION ampsync_private.apply_from_block(p_dataset_id bigint, p_table_name text, p_from_block bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream ampsync_private.stream;
begin
  for v_stream in
    select s.*
      from ampsync_private.stream s
     where s.dataset_id = p_dataset_id
       and s.table_name = coalesce(p_table_name, s.table_name)
       and s.shadow_of is null
       and s.checkpoint_block is null
       and s.from_block <> p_from_block
     order by s.stream_id
  loop
    perform ampsync_private.revoke_lease(v_stream.stream_id);
    update ampsync_private.stream s
       set from_block = p_from_block
     where s.stream_id = v_stream.stream_id
       and s.checkpoint_block is null; -- It may have committed before its lease was revoked.
    if not ampsync_private.is_halted(v_stream.state) then
      perform ampsync_private.schedule_stream(v_stream.stream_id);
    end if;
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_private.apply_from_block(p_dataset_id bigint, p_table_name text, p_from_block bigint) IS 'Give another from_block to streams that have loaded nothing yet.';
CREATE FUNCTION ampsync_private.apply_queries(p_dataset_id bigint, p_tables text[], p_exclude_columns jsonb, p_from_block bigint, p_queries jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_dataset ampsync_private.dataset;
  v_clean   record;
  v_tables  text[];
  v_wrong   text;
  v_stream  ampsync_private.stream;
begin
  select * into strict v_dataset from ampsync_private.dataset d where d.dataset_id = p_dataset_id;
  for v_clean in
    select * from ampsync_private.clean_queries(v_dataset.label, p_queries)
  loop
    if v_clean.removed <> '{}' and v_dataset.queries ->> v_clean.table_name is distinct from v_clean.query then
      perform ampsync_private.journal(null, 'sql_sanitised', jsonb_build_object(
                'table', v_clean.table_name, 'removed', to_jsonb(v_clean.removed), 'query', v_clean.query),
              p_dataset_id);
    end if;
    if v_clean.query is null and v_dataset.queries ? v_clean.table_name then
      perform ampsync_private.check_query_removed(v_dataset, v_clean.table_name);
    end if;
    v_dataset.queries := jsonb_strip_nulls(
      v_dataset.queries || jsonb_build_object(v_clean.table_name, v_clean.query));
  end loop;
  if v_dataset.queries = '{}' and not exists (select 1
                                                from ampsync_private.stream s
                                               where s.dataset_id = p_dataset_id and s.query is not null) then
    return;
  end if;
  perform ampsync_private.check_query_start(v_dataset, null, coalesce(p_from_block, v_dataset.from_block));
  select k.name into v_wrong
    from jsonb_object_keys(jsonb_strip_nulls(v_dataset.exclude_columns || coalesce(p_exclude_columns, '{}'))) k(name)
   where v_dataset.queries ? k.name
   limit 1;
  if found then
    raise exception using
      errcode = 'SY004',
      message = format('exclude_columns: table %s has a query', v_wrong),
      detail  = 'Its columns are those that its query selects.',
      hint    = format('select ampsync.enqueue_sync(%L, exclude_columns => %L);', v_dataset.label,
                       jsonb_build_object(v_wrong, null));
  end if;
  v_tables := array(select k.name from jsonb_object_keys(v_dataset.queries) k(name) order by 1);
  if not coalesce(p_tables, v_tables) @> v_tables or coalesce(p_tables, v_dataset.tables) is null then
    raise exception using
      errcode = 'SY004',
      message = format('tables => %L lacks tables that have queries',
                       coalesce(p_tables, v_dataset.resolved_tables, '{}')),
      detail  = format('Those with queries are: %s. Beside them only tables that are named are synced.', v_tables),
      hint    = format('select ampsync.enqueue_sync(%L, tables => %L, queries => %L);', v_dataset.label,
                       array(select distinct t.name
                               from unnest(coalesce(p_tables, v_dataset.resolved_tables) || v_tables) t(name)
                              order by 1), v_dataset.queries);
  end if;
  update ampsync_private.dataset d
     set queries = v_dataset.queries,
         tables  = coalesce(p_tables, d.tables || array(select t.name from unnest(v_tables) t(name)
                                                         where t.name <> all (d.tables)))
   where d.dataset_id = p_dataset_id;
  for v_stream in
    select s.*
      from ampsync_private.stream s
     where s.dataset_id = p_dataset_id
       and s.shadow_of is null
       and s.query is distinct from v_dataset.queries ->> s.table_name
     order by s.stream_id
  loop
    if v_stream.checkpoint_block is null
       and not exists (select 1
                         from ampsync_private.stream w
                        where w.shadow_of = v_stream.stream_id and w.state <> 'former') then
      perform ampsync_private.revoke_lease(v_stream.stream_id);
      perform ampsync_private.take_query(s.stream_id)
         from ampsync_private.stream s
        where s.stream_id = v_stream.stream_id
          and s.checkpoint_block is null; -- It may have committed before its lease was revoked.
      if not ampsync_private.is_halted(v_stream.state) then
        perform ampsync_private.schedule_stream(v_stream.stream_id);
      end if;
    elsif p_queries ? v_stream.table_name and v_dataset.on_new_version = 'resync' then
      perform ampsync.resync(v_dataset.label, v_stream.table_name);
    elsif p_queries ? v_stream.table_name then
      raise warning using
        message = format('table %s of %s keeps the query that its rows come from',
                         v_stream.table_name, v_dataset.label),
        detail  = coalesce('The new one is stored: ' || (v_dataset.queries ->> v_stream.table_name),
                           'It is to be the table of the dataset.'),
        hint    = format('select ampsync.resync(%L, %L);', v_dataset.label, v_stream.table_name);
    end if;
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_private.apply_queries(p_dataset_id bigint, p_tables text[], p_exclude_columns jsonb, p_from_block bigint, p_queries jsonb) IS 'Store the queries of a dataset; tables that have loaded something keep theirs.';
CREATE FUNCTION ampsync_private.apply_table_options(p_dataset_id bigint, p_tables text[], p_rename jsonb, p_exclude_columns jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_old     ampsync_private.dataset;
  v_new     ampsync_private.dataset;
  v_changed record;
  v_stream  ampsync_private.stream;
  v_other   text;
begin
  select * into strict v_old from ampsync_private.dataset d where d.dataset_id = p_dataset_id;
  update ampsync_private.dataset d
     set tables          = coalesce(p_tables, d.tables),
         rename          = jsonb_strip_nulls(d.rename || coalesce(p_rename, '{}')),
         exclude_columns = jsonb_strip_nulls(d.exclude_columns || coalesce(p_exclude_columns, '{}'))
   where d.dataset_id = p_dataset_id
  returning * into v_new;
  select k.name into v_other
    from jsonb_object_keys(jsonb_strip_nulls(coalesce(p_rename, '{}'))
                           || jsonb_strip_nulls(coalesce(p_exclude_columns, '{}'))) k(name)
   where k.name <> all (coalesce(p_tables, v_new.tables));
  if found then
    raise exception using
      errcode = 'SY004',
      message = format('table %s is not among the tables of %s that are synced', v_other, v_new.label),
      detail  = format('Synced are: %s.', coalesce(p_tables, v_new.tables)),
      hint    = format('select ampsync.enqueue_sync(%L, tables => %L);', v_new.label,
                       coalesce(p_tables, v_new.tables) || v_other);
  end if;
  for v_changed in
    select s.stream_id, o.*, o.columns @> o.old_columns and o.old_columns @> o.columns as same_columns
      from ampsync_private.stream s
     cross join lateral (
       select ampsync_private.target_name(v_new, s.table_name) as target_table,
              ampsync_private.target_name(v_old, s.table_name) as old_target_table,
              coalesce(v_new.exclude_columns -> s.table_name, '[]') as columns,
              coalesce(v_old.exclude_columns -> s.table_name, '[]') as old_columns
     ) o
     where s.dataset_id = p_dataset_id
       and s.shadow_of is null
       and (o.target_table <> o.old_target_table
            or not (o.columns @> o.old_columns and o.old_columns @> o.columns))
     order by s.stream_id
  loop
    -- First, because a rollback does not bring back the writers that revoke_lease ends.
    continue when ampsync_private.check_table_kept(v_changed.stream_id, v_changed.old_target_table,
                    v_changed.target_table, v_changed.old_columns, v_changed.columns)
              and v_changed.same_columns;
    perform ampsync_private.revoke_lease(v_changed.stream_id);
    select * into strict v_stream
      from ampsync_private.stream s
     where s.stream_id = v_changed.stream_id;
    if not ampsync_private.check_table_kept(v_changed.stream_id, v_changed.old_target_table,
             v_changed.target_table, v_changed.old_columns, v_changed.columns) then -- Not created meanwhile.
      perform ampsync_private.check_target_free(p_dataset_id, v_stream.table_name, v_stream.target_schema,
                                                v_changed.target_table);
      update ampsync_private.stream s
         set target_table = v_changed.target_table
       where s.stream_id = v_stream.stream_id;
    end if;
    if not ampsync_private.is_halted(v_stream.state) then
      perform ampsync_private.schedule_stream(v_stream.stream_id);
    end if;
  end loop;
  perform ampsync_private.check_target_free(p_dataset_id, t.name, v_new.target_schema,
                                            ampsync_private.target_name(v_new, t.name))
     from unnest(p_tables) t(name);
end;
$$;
COMMENT ON FUNCTION ampsync_private.apply_table_options(p_dataset_id bigint, p_tables text[], p_rename jsonb, p_exclude_columns jsonb) IS 'Store rename and exclude_columns of a dataset; SY004 where a table is created already.';
CREATE FUNCTION ampsync_private.ask_server(p_namespace text, p_name text, p_revision text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_now    timestamptz := ampsync_private.now();
  v_answer ampsync_private.answer;
begin
  insert into ampsync_private.answer (namespace, name, revision)
  values (p_namespace, p_name, p_revision)
  on conflict (namespace, name, coalesce(revision, 'latest')) do update set name = excluded.name
  returning * into v_answer;
  if coalesce(v_answer.answered_at, '-infinity') < v_now - interval '10 s' then
    update ampsync_private.answer a
       set asked_at = v_now
     where a.answer_id = v_answer.answer_id;
    perform graphile_worker.add_job(
      'ampsync_explain',
      payload => json_build_object('answer_id', v_answer.answer_id::text),
      job_key => 'ampsync_explain:' || v_answer.answer_id);
  end if;
  delete from ampsync_private.answer a -- Last, and without waiting: another call may hold one, and want this one.
   where a.answer_id in (select o.answer_id
                           from ampsync_private.answer o
                          where o.asked_at < v_now - interval '1 day'
                            and o.answer_id <> v_answer.answer_id
                            for update skip locked);
end;
$$;
COMMENT ON FUNCTION ampsync_private.ask_server(p_namespace text, p_name text, p_revision text) IS 'Queue a job that asks the Amp server about a dataset, if its last answer is old.';
CREATE FUNCTION ampsync_private.block_key(p_identity text, p_alias text DEFAULT 't'::text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return p_alias || case p_identity when 'content' then '._id' when 'transaction' then '._block_num_end' end;
end;
$$;
COMMENT ON FUNCTION ampsync_private.block_key(p_identity text, p_alias text) IS 'The column that finds the rows of a block in a target.';
CREATE FUNCTION ampsync_private.block_of(p_id bytea) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select ('x' || encode(substr(p_id, 1, 6), 'hex'))::bit(48)::bigint;
$$;
COMMENT ON FUNCTION ampsync_private.block_of(p_id bytea) IS 'The block that an _id starts with.';
CREATE FUNCTION ampsync_private.block_prefix(p_block bigint) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return substring(int8send(p_block) from 3 for 6);
end;
$$;
COMMENT ON FUNCTION ampsync_private.block_prefix(p_block bigint) IS 'The six bytes that every _id of a block starts with.';
CREATE FUNCTION ampsync_private.block_time(p_seconds bigint) RETURNS timestamp with time zone
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return case when p_seconds between 0 and 253402300799 then to_timestamp(p_seconds) end;
end;
$$;
COMMENT ON FUNCTION ampsync_private.block_time(p_seconds bigint) IS 'The time of a block, or null if the value of the server is no time.';
CREATE FUNCTION ampsync_private.build_beside(p_dataset_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform ampsync_private.start_shadow(s.stream_id, ampsync_private.now())
     from ampsync_private.upgrade u
     join ampsync_private.stream s using (dataset_id)
    where u.dataset_id = p_dataset_id
      and s.shadow_of is null
      and s.target is not null
      and ampsync_private.is_upgraded(u, s)
      and not exists (select 1
                        from ampsync_private.stream w
                       where w.shadow_of = s.stream_id and w.state <> 'former');
end;
$$;
COMMENT ON FUNCTION ampsync_private.build_beside(p_dataset_id bigint) IS 'Let each loaded table of an upgrade have a shadow that loads the new version.';
CREATE FUNCTION ampsync_private.caller() RETURNS name
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  unlisten ampsync_nobody;
  return coalesce(nullif(current_setting('role'), 'none'), session_user);
exception
  when insufficient_privilege then
    raise exception using
      errcode = '42501',
      message = 'functions of ampsync cannot be called from an index or a materialized view',
      detail  = 'PostgreSQL runs the code of its owner there, in a session of anybody: the caller is not known.',
      hint    = 'Call the function in a statement of its own.';
end;
$$;
COMMENT ON FUNCTION ampsync_private.caller() IS 'The calling role, even inside functions that run with their owner''s rights; 42501 if it is not known.';
CREATE FUNCTION ampsync_private.can_go_on(p_former_id bigint, p_stream_id bigint) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select coalesce(bool_or(coalesce(o.hash = h.hash, true)), true)
    from ampsync_private.history h
   cross join lateral (select ampsync_private.own_hash(p_stream_id, h.last_block) as hash) o
   where h.stream_id = p_former_id;
$$;
COMMENT ON FUNCTION ampsync_private.can_go_on(p_former_id bigint, p_stream_id bigint) IS 'Whether what a stream had before an upgrade can go on from its checkpoint.';
CREATE FUNCTION ampsync_private.cancel_hint(p_stream_id bigint) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select case when exists (select 1
                             from ampsync_private.upgrade u
                            where u.dataset_id = s.dataset_id)
              then format('select ampsync.cancel_resync(%L);', d.label)
              else format('select ampsync.cancel_resync(%L, %L);', d.label, s.table_name) end
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.stream_id = p_stream_id;
$$;
COMMENT ON FUNCTION ampsync_private.cancel_hint(p_stream_id bigint) IS 'The statement that gives up the resync of a stream, or the upgrade of its dataset.';
CREATE FUNCTION ampsync_private.check_address(p_dataset text, p_option text, p_address text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  v_host  constant text := '(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|[[][0-9a-f:.]+[]])';
  v_parts constant text[] := regexp_match(
    p_address, '^https?://' || v_host || '(?::([0-9]{1,5}))?((?:/[a-z0-9._-]{0,24})*)$', 'i');
begin
  if p_address = '' or p_address is null
     or (coalesce(v_parts[1]::integer, 80) between 1 and 65535
         and v_parts[2] !~* '(token|secret|passw|api-?_?key|bearer)') then
    return;
  end if;
  raise exception using
    errcode = 'SY004',
    message = format('%s of %s is not an http or https address, or contains more than that', p_option, p_dataset),
    detail  = 'It may have no user, password, query or fragment, and no path that is long or looks like a secret.',
    hint    = format('select * from ampsync.set_source(%L, %s => %L);', p_dataset, p_option,
                     case p_option when 'flight_addr' then 'https://amp.example:1602'
                                   else 'https://amp.example:1610' end);
end;
$_$;
COMMENT ON FUNCTION ampsync_private.check_address(p_dataset text, p_option text, p_address text) IS 'Refuse what is no http or https address, or holds more than an address (SY004).';
CREATE FUNCTION ampsync_private.check_adoptable(p_dataset_id bigint, p_target_schema text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  v_label  text := (select d.label from ampsync_private.dataset d where d.dataset_id = p_dataset_id);
  v_caller name := ampsync_private.caller();
  v_table  record;
begin
  if to_regnamespace(quote_ident(p_target_schema)) is null then
    raise exception using
      errcode = 'SY004',
      message = format('there is no schema %s', coalesce(quote_ident(p_target_schema), 'null')),
      detail  = 'It is the schema of the tables that the Rust ampsync made.',
      hint    = format('select ampsync.adopt(%L, ''public'');', v_label);
  end if;
  call ampsync_private.check_may_create(p_target_schema);
  perform ampsync_private.check_may_read(to_regnamespace(quote_ident(p_target_schema)), null);
  for v_table in
    select a.*, ampsync_private.earlier_ampsync(p_target_schema, a.name) is not null as is_theirs, o.rolname as owner,
           n.relowner <> c.relowner as is_foreign,
           a.old is null or ampsync_private.is_shared_writer(c.relowner) or pg_has_role(v_caller, c.relowner, 'usage')
             as is_given, pg_get_userbyid(n.relowner) as our_owner
      from ampsync_private.adoptable(p_dataset_id, p_target_schema) a
      left join pg_class c on c.oid = a.old
      left join pg_roles o on o.oid = c.relowner
      left join pg_class n on n.oid = a.target
     order by a.stream_id
  loop
    if v_table.state <> 'live' or v_table.target is null then
      raise exception using
        errcode = 'SY004',
        message = format('table %s of %s is not live yet', v_table.table_name, v_label),
        detail  = format('It is %s. Nothing was changed: readers would lose the rows that are not loaded yet.',
                         v_table.state),
        hint    = format('Once all tables are: select ampsync.adopt(%L, %L); -- '
                         'select table_name, state, reason from ampsync.streams;', v_label, p_target_schema);
    end if;
    if v_table.old is not null and not v_table.is_theirs then
      raise exception using
        errcode = 'SY003',
        message = format('Table %I.%I was not made by the Rust ampsync', p_target_schema, v_table.name),
        detail  = 'Nothing was changed: only tables of that program are replaced.',
        hint    = format('alter table %I.%I rename to %I;', p_target_schema, v_table.name,
                         ampsync_private.free_name(p_target_schema, v_table.name));
    end if;
    if not v_table.is_given then
      raise exception using
        errcode = '42501',
        message = format('table %s belongs to %I, whose rights role %I does not have', v_table.old, v_table.owner,
                         v_caller),
        detail  = 'Nothing was changed: whoever may replace a table has the rights of its owner.',
        hint    = format('grant %I to %I; -- or as %1$I: select ampsync.adopt(%L, %L);', v_table.owner, v_caller,
                         v_label, p_target_schema);
    end if;
    if v_table.is_foreign then
      raise exception using
        errcode = 'SY201',
        message = format('table %s belongs to %I', v_table.old, v_table.owner),
        detail  = format('Nothing was changed. Its place is taken by %s of %I, and a table keeps its owner.',
                         v_table.target, v_table.our_owner),
        hint    = format('alter table %I.%I owner to %I; select ampsync.adopt(%L, %L);', p_target_schema, v_table.name,
                         v_table.our_owner, v_label, p_target_schema);
    end if;
    call ampsync_private.check_may_drop(v_table.target);
    perform ampsync_private.check_schema(v_table.stream_id, p_target_schema);
  end loop;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.check_adoptable(p_dataset_id bigint, p_target_schema text) IS 'Raise an error if the tables of a dataset cannot take the place of those of the Rust ampsync.';
CREATE FUNCTION ampsync_private.check_evolution(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream ampsync_private.stream;
  v_label  text := ampsync_private.stream_label(p_stream_id);
  v_found  record;
begin
  select * into strict v_found
    from ampsync_private.evolution_refusal(p_stream_id, p_has_block_num, p_columns);
  if v_found.fault is null then
    return;
  end if;
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  raise exception using
    errcode = 'SY201',
    message = format('target table of %s does not fit the schema: %s', v_stream.table_name, v_found.fault),
    detail  = format('Nothing was written or changed. The target is %s.', v_stream.target),
    hint    = case when v_found.remedy is null
                   then format('select ampsync.resync(%L, %L);', v_label, v_stream.table_name)
                   else format('%sselect ampsync.resume_sync(%L);', v_found.remedy, v_label) end;
end;
$$;
COMMENT ON FUNCTION ampsync_private.check_evolution(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb) IS 'Raise SY201 if a stream''s target cannot be made to fit the planned columns.';
CREATE FUNCTION ampsync_private.check_fetched(p_stream_id bigint, p_first_block bigint, p_last_block bigint, p_own_hash bytea, p_rows bigint, p_rejected jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  -- Within the history the name decides: rows of another chain must not disqualify the column.
  v_column      text := case when p_own_hash is null then ampsync_private.hash_column(p_stream_id)
                             else ampsync_private.named_hash_column(p_stream_id) end;
  v_repair      ampsync_private.repair;
  v_hash        bytea;
  v_is_rejected boolean;
  v_fewer       record;
begin
  select * into strict v_repair
    from ampsync_private.repair r
   where r.stream_id = p_stream_id
     and r.first_block = p_first_block;
  v_hash := ampsync_private.hash_in_rows(p_stream_id, v_column, p_last_block);
  v_is_rejected := exists (select 1
                             from jsonb_array_elements(p_rejected) r
                            where (r.value ->> 'block')::bigint = p_last_block);
  if v_hash <> p_own_hash
     or v_hash is null and (p_own_hash is not null or v_column = 'hash') and not v_is_rejected
     or exists (select 1
                  from ampsync_private.history h
                 where h.stream_id = p_stream_id
                   and h.last_block between p_first_block and p_last_block
                   and h.hash <> ampsync_private.hash_in_rows(p_stream_id, v_column, h.last_block)) then
    raise exception using
      errcode = 'SY101',
      message = format('what the server sent for block %s does not have the hash that is held here', p_last_block),
      detail  = 'Nothing was written; the rows stay as they were.',
      hint    = 'Retried automatically: select * from ampsync.repairs;';
  end if;
  select e.*, coalesce(m.row_count, 0) + coalesce(j.rejected, 0) as found into v_fewer
    from ampsync_private.stream s
    join ampsync_private.ledger e using (stream_id)
   cross join lateral ampsync_private.measure_rows(
     s.target, s.identity, array[e.first_block], array[e.last_block]) m
   cross join lateral (
      select count(*) as rejected
        from jsonb_array_elements(p_rejected) r
       where (r.value ->> 'block')::bigint between e.first_block and e.last_block) j
   where s.stream_id = p_stream_id
     and e.last_block >= p_first_block
     and e.first_block <= p_last_block
     and case when e.first_block >= p_first_block and e.last_block <= p_last_block
                then m.row_count + j.rejected < e.row_count
              when p_rows = 0 then (m.row_count, m.id_xor) <> (e.row_count, e.id_xor)
              else p_rows < v_repair.rows_before and m.row_count + j.rejected < e.row_count end
   order by e.last_block
   limit 1;
  if found and not v_repair.accept_fewer then
    raise exception using
      errcode = 'SY101',
      message = format('with what the server sent, blocks %s to %s would have %s rows, and %s were loaded',
                       v_fewer.first_block, v_fewer.last_block, v_fewer.found, v_fewer.row_count),
      detail  = format('It sent %s rows for blocks %s to %s. Nothing was written; the rows stay as they were.',
                       p_rows, p_first_block, p_last_block),
      hint    = (select format('select ampsync.repair(%L, %L, %s, %s, accept_fewer => true); '
                               '-- only if the server is right',
                               ampsync_private.stream_label(p_stream_id), s.table_name, p_first_block, p_last_block)
                   from ampsync_private.stream s
                  where s.stream_id = p_stream_id);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.check_fetched(p_stream_id bigint, p_first_block bigint, p_last_block bigint, p_own_hash bytea, p_rows bigint, p_rejected jsonb) IS 'Raise SY101 if the rows of a repair are not those of our chain, or fewer than were loaded.';
CREATE TABLE ampsync_private.former (
    dataset_id bigint NOT NULL,
    version text,
    manifest_hash text,
    tables text[] NOT NULL,
    new_version text,
    new_manifest_hash text,
    kept text NOT NULL,
    replaced_at timestamp with time zone NOT NULL,
    next_try timestamp with time zone,
    CONSTRAINT former_kept_check CHECK ((kept = ANY (ARRAY['kept'::text, 'merged'::text, 'pruned'::text])))
);
COMMENT ON TABLE ampsync_private.former IS 'The version that the last upgrade of a dataset replaced, and whether its tables can still be brought back.';
CREATE FUNCTION ampsync_private.check_former(p_dataset_id bigint) RETURNS ampsync_private.former
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  v_dataset ampsync_private.dataset;
  v_former  ampsync_private.former;
  v_name    text;
  v_label   text;
begin
  select * into strict v_dataset from ampsync_private.dataset d where d.dataset_id = p_dataset_id;
  v_label := v_dataset.label;
  if exists (select 1 from ampsync_private.upgrade u where u.dataset_id = p_dataset_id) then
    raise exception using
      errcode = 'SY004',
      message = format('%s is being upgraded; its version cannot be rolled back meanwhile', v_label),
      detail  = 'Nothing was changed.',
      hint    = format('select ampsync.cancel_resync(%1$L); select ampsync.rollback_version(%1$L);', v_label);
  end if;
  select * into v_former from ampsync_private.former f where f.dataset_id = p_dataset_id;
  v_name := coalesce(v_former.version, v_former.manifest_hash);
  if v_former.kept = 'kept' then
    return v_former;
  end if;
  raise exception using
    errcode = 'SY004',
    message = case v_former.kept
                when 'merged' then format('version %s of %s cannot be brought back: its rows were merged into those of '
                                          'the new one', v_name, v_label)
                when 'pruned' then format('version %s of %s cannot be brought back: its tables were kept until their '
                                          'time was over', v_name, v_label)
                else format('no upgrade of %s can be rolled back', v_label) end,
    detail  = case v_former.kept
                when 'merged' then 'All tables have the same columns in both versions, so no former table was kept.'
                when 'pruned' then format('They were replaced %s and kept for %s: ampsync.set_retention.',
                                          date_trunc('second', v_former.replaced_at),
                                          (select r.former_age from ampsync_private.retention r))
                else 'Only a version that was replaced by ampsync.resync, or by on_new_version => ''resync'', is kept.'
              end,
    hint    = case when v_former.kept is null then 'select * from ampsync.version_history;'
                   else format('select ampsync.enqueue_sync(%L, target_schema => %L);',
                               split_part(v_label, '@', 1) || '@' || v_name,
                               ampsync_private.cut_name(v_dataset.target_schema, 50) || '_'
                               || translate(left(v_name, 12), '.-+', '___'))
              end;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.check_former(p_dataset_id bigint) IS 'The version that the last upgrade of a dataset replaced; SY004 if it cannot be brought back.';
CREATE FUNCTION ampsync_private.check_from_block(p_dataset text, p_from_block bigint) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if p_from_block not between 0 and 281474976710654 then -- Below 2^48 - 1: see block_prefix.
    raise exception using
      errcode = 'SY004',
      message = format('from_block => %s is not the number of a block', p_from_block),
      detail  = 'Rows of lower blocks are not loaded. 0 loads all.',
      hint    = format('select ampsync.enqueue_sync(%L, from_block => 0);', p_dataset);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.check_from_block(p_dataset text, p_from_block bigint) IS 'Raise SY004 for a from_block that is not the number of a block.';
CREATE FUNCTION ampsync_private.check_indexes(p_dataset_id bigint, p_indexes jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_dataset ampsync_private.dataset;
  v_stream  ampsync_private.stream;
  v_known   text[];
  v_example text;
  v_table   record;
  v_index   jsonb;
  v_columns text[];
  v_missing text[];
begin
  select * into strict v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id;
  v_known := coalesce(v_dataset.tables, v_dataset.resolved_tables);
  v_example := format('select ampsync.enqueue_sync(%L, indexes => ''{"%s": [["_block_num desc"]]}'');',
                      v_dataset.label, coalesce(v_known[1], 'logs'));
  if jsonb_typeof(p_indexes) <> 'object' then
    raise exception using
      errcode = 'SY004',
      message = format('indexes => a JSON %s is not an object of tables', jsonb_typeof(p_indexes)),
      detail  = 'It has one member per table: a list of indexes, each of them a list of columns.',
      hint    = v_example;
  end if;
  for v_table in
    select t.key as name, t.value as indexes from jsonb_each(p_indexes) t
  loop
    perform ampsync_private.check_table_name(v_table.name);
    if v_table.name <> all (v_known) then
      raise exception using
        errcode = 'SY004',
        message = format('indexes => table %s is not synced', v_table.name),
        detail  = format('Tables of %s: %s.', v_dataset.label, left(array_to_string(v_known, ', '), 2000)),
        hint    = v_example;
    end if;
    select * into v_stream
      from ampsync_private.stream s
     where s.dataset_id = p_dataset_id and s.table_name = v_table.name and s.shadow_of is null;
    if jsonb_typeof(v_table.indexes) <> 'array' then
      raise exception using
        errcode = 'SY004',
        message = format('indexes => table %s has no list of indexes', v_table.name),
        detail  = format('Given: %s.', left(v_table.indexes::text, 200)),
        hint    = v_example;
    end if;
    for v_index in select i.value from jsonb_array_elements(v_table.indexes) i
    loop
      if jsonb_typeof(v_index) <> 'array' or jsonb_array_length(v_index) not between 1 and 32
         or exists (select from jsonb_array_elements(v_index) c where jsonb_typeof(c.value) <> 'string') then
        raise exception using
          errcode = 'SY004',
          message = format('indexes => table %s: %s is not a list of 1 to 32 columns', v_table.name,
                           left(v_index::text, 200)),
          detail  = 'Each column is a text: its name, with asc, desc, nulls first or nulls last behind it if wanted.',
          hint    = v_example;
      end if;
      v_columns := array(select p.column_name
                           from jsonb_array_elements_text(v_index) c
                          cross join lateral ampsync_private.parse_index_column(c.value) p);
      if cardinality(v_columns) <> (select count(distinct c.name) from unnest(v_columns) c(name)) then
        raise exception using
          errcode = 'SY004',
          message = format('indexes => table %s: %s names a column twice', v_table.name, left(v_index::text, 200)),
          detail  = 'Each column of an index once.',
          hint    = v_example;
      end if;
      v_missing := ampsync_private.missing_index_columns(v_stream.target, v_columns);
      if v_missing <> '{}' then
        raise exception using
          errcode = 'SY004',
          message = format('indexes => table %s has no column %s', v_table.name, array_to_string(v_missing, ', ')),
          detail  = format('Given: %s. Names are taken as they are written, upper case included.',
                           left(v_index::text, 200)),
          hint    = v_example;
      end if;
    end loop;
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_private.check_indexes(p_dataset_id bigint, p_indexes jsonb) IS 'Raise SY004 for a declaration of indexes that is known to be wrong.';
CREATE PROCEDURE ampsync_private.check_lease(IN p_stream_id bigint, IN p_epoch bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform 1
     from ampsync_private.lease l
    where l.stream_id = p_stream_id
      and l.epoch = p_epoch
      for key share;
  if not found then
    call ampsync_private.raise_lease_lost(p_stream_id, p_epoch);
  end if;
end;
$$;
COMMENT ON PROCEDURE ampsync_private.check_lease(IN p_stream_id bigint, IN p_epoch bigint) IS 'Last check of a writing transaction: SY001 unless the lease is current, under its row lock.';
CREATE PROCEDURE ampsync_private.check_may_create(IN p_schema text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_caller  name := ampsync_private.caller();
  v_schema  oid := to_regnamespace(quote_ident(p_schema));
  v_is_made boolean := v_schema is null
                       or exists (select from pg_namespace n
                                   where n.oid = v_schema and ampsync_private.is_shared_writer(n.nspowner));
begin
  if pg_has_role(v_caller, (select n.nspowner from pg_namespace n where n.nspname = 'ampsync'), 'usage')
     or v_is_made and has_database_privilege(v_caller, current_database(), 'create')
     or has_schema_privilege(v_caller, v_schema, 'create') then -- Null without a schema.
    return;
  end if;
  raise exception using
    errcode = '42501',
    message = case when v_schema is null
                   then format('role %I may not create schema %I', v_caller, p_schema)
                   else format('role %I may not create tables in schema %I', v_caller, p_schema) end,
    detail  = 'Nothing was changed. A dataset is synced only into a schema in which its caller may create tables.',
    hint    = case when v_is_made
                   then format('grant create on database %I to %I;', current_database(), v_caller)
                   else format('grant create on schema %I to %I;', p_schema, v_caller) end;
end;
$$;
COMMENT ON PROCEDURE ampsync_private.check_may_create(IN p_schema text) IS 'Raise 42501 unless the caller of a door may create tables in a target schema.';
CREATE PROCEDURE ampsync_private.check_may_drop(IN p_table regclass)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_owner name;
begin
  select pg_get_userbyid(c.relowner) into v_owner
    from pg_class c
   where c.oid = p_table
     and not pg_has_role(c.relowner, 'usage');
  if found then
    raise exception using
      errcode = '42501',
      message = format('table %s cannot be dropped or replaced: it belongs to %I, whose rights role %I does not have',
                       p_table, v_owner, current_user),
      detail  = 'Nothing was changed.',
      hint    = format('grant %I to %I;', v_owner, current_user);
  end if;
end;
$$;
COMMENT ON PROCEDURE ampsync_private.check_may_drop(IN p_table regclass) IS 'Raise 42501 unless this role has the rights of the owner of a table.';
CREATE FUNCTION ampsync_private.check_may_read(p_schema regnamespace, p_table regclass) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_enters boolean := coalesce(has_schema_privilege(p_schema, 'usage'), true);
  v_reads  boolean := coalesce(has_table_privilege(p_table, 'select'), true);
  v_name   text := coalesce('table ' || p_table, 'schema ' || p_schema);
  v_owner  oid;
begin
  if v_enters and v_reads then
    return;
  end if;
  v_owner := coalesce((select c.relowner from pg_class c where c.oid = p_table),
                      (select n.nspowner from pg_namespace n where n.oid = p_schema));
  if ampsync_private.is_shared_writer(v_owner) then
    raise exception using
      errcode = '42501',
      message = format('%s belongs to %I, whose rights role %I does not have', v_name, pg_get_userbyid(v_owner),
                       current_user),
      detail  = 'Nothing was changed.',
      hint    = format('grant %I to %I;', pg_get_userbyid(v_owner), current_user);
  end if;
  raise exception using
    errcode = '42501',
    message = format('%s may not be read by role %I', v_name, current_user),
    detail  = 'Nothing was changed.',
    hint    = concat_ws(' ',
                case when not v_enters then format('grant usage on schema %s to %I;', p_schema, current_user) end,
                case when not v_reads then format('grant select on table %s to %I;', p_table, current_user) end);
end;
$$;
COMMENT ON FUNCTION ampsync_private.check_may_read(p_schema regnamespace, p_table regclass) IS 'Raise 42501 unless this role may enter a schema, and read a table.';
CREATE FUNCTION ampsync_private.check_may_verify(p_stream_id bigint) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_caller name := ampsync_private.caller();
  v_closed regclass;
begin
  if exists (select from pg_proc p
              where p.proname = 'repair' and p.pronamespace = 'ampsync'::regnamespace
                and has_function_privilege(v_caller, p.oid, 'execute')) then
    return;
  end if;
  select r.target into v_closed
    from ampsync_private.stream s
    join ampsync_private.stream r
      on r.stream_id = s.stream_id
         or r.dataset_id = s.dataset_id and r.network = s.network and r.shadow_of is null
            and ampsync_private.named_hash_column(s.stream_id) = 'block_hash'
            and ampsync_private.named_hash_column(r.stream_id) = 'hash'
   where s.stream_id = p_stream_id
     and not has_table_privilege(v_caller, r.target, 'select') -- Null for a table that is gone.
   order by r.stream_id <> s.stream_id, r.stream_id
   limit 1;
  if found then
    raise exception using
      errcode = '42501',
      message = format('table %s may not be read by role %s', v_closed, v_caller),
      detail  = 'verify reads rows with the rights of its owner, for callers who may read them themselves.',
      hint    = format('grant select on table %s to %I;', v_closed, v_caller);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.check_may_verify(p_stream_id bigint) IS 'Raise 42501 unless the caller of ampsync.verify may read all tables that the check of one reads.';
CREATE TABLE ampsync_private.dataset (
    dataset_id bigint NOT NULL,
    namespace text DEFAULT '_'::text NOT NULL,
    name text NOT NULL,
    revision text,
    label text GENERATED ALWAYS AS (((
CASE
    WHEN (namespace = '_'::text) THEN ''::text
    ELSE (namespace || '/'::text)
END || name) || COALESCE(('@'::text || revision), ''::text))) STORED NOT NULL,
    tables text[],
    target_schema text NOT NULL,
    retention_blocks integer DEFAULT 128 NOT NULL,
    on_deep_reorg text DEFAULT 'stop'::text NOT NULL,
    value_policy text DEFAULT 'fail'::text NOT NULL,
    nul_policy text DEFAULT 'replace'::text NOT NULL,
    identity text DEFAULT 'content'::text NOT NULL,
    not_null boolean DEFAULT true NOT NULL,
    rename jsonb DEFAULT '{}'::jsonb NOT NULL,
    exclude_columns jsonb DEFAULT '{}'::jsonb NOT NULL,
    from_block bigint DEFAULT 0 NOT NULL,
    on_new_version text DEFAULT 'continue'::text NOT NULL,
    block_index text DEFAULT 'btree'::text NOT NULL,
    indexes jsonb DEFAULT '{}'::jsonb NOT NULL,
    queries jsonb DEFAULT '{}'::jsonb NOT NULL,
    poll_interval interval,
    flight_addr text,
    admin_addr text,
    resolved_version text,
    resolved_hash text,
    resolved_tables text[],
    has_namespaces boolean DEFAULT true NOT NULL,
    offered_version text,
    offered_hash text,
    offered_declined boolean DEFAULT false NOT NULL,
    offered_attempts integer DEFAULT 0 NOT NULL,
    offered_retry timestamp with time zone,
    offered_error jsonb,
    quiesce_until timestamp with time zone,
    poll_due timestamp with time zone,
    poll_attempts integer DEFAULT 0 NOT NULL,
    poll_error jsonb,
    state text DEFAULT 'waiting'::text NOT NULL,
    since timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_retry timestamp with time zone,
    error jsonb,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT dataset_admin_addr_check CHECK (((admin_addr ~* '^https?://'::text) OR (admin_addr = 'off'::text))),
    CONSTRAINT dataset_block_index_check CHECK ((block_index = ANY (ARRAY['btree'::text, 'brin'::text, 'none'::text]))),
    CONSTRAINT dataset_flight_addr_check CHECK ((flight_addr ~* '^https?://'::text)),
    CONSTRAINT dataset_from_block_check CHECK ((from_block >= 0)),
    CONSTRAINT dataset_identity_check CHECK ((identity = ANY (ARRAY['content'::text, 'transaction'::text]))),
    CONSTRAINT dataset_name_check CHECK ((name ~ '^[a-z_][a-z0-9_]*$'::text)),
    CONSTRAINT dataset_namespace_check CHECK ((namespace ~ '^[a-z0-9_]+$'::text)),
    CONSTRAINT dataset_nul_policy_check CHECK ((nul_policy = ANY (ARRAY['replace'::text, 'strip'::text, 'fail'::text]))),
    CONSTRAINT dataset_on_deep_reorg_check CHECK ((on_deep_reorg = ANY (ARRAY['stop'::text, 'resync'::text]))),
    CONSTRAINT dataset_on_new_version_check CHECK ((on_new_version = ANY (ARRAY['continue'::text, 'resync'::text]))),
    CONSTRAINT dataset_poll_interval_check CHECK (((poll_interval >= '00:00:01'::interval) AND (poll_interval <= '01:00:00'::interval))),
    CONSTRAINT dataset_retention_check CHECK ((retention_blocks >= 64)),
    CONSTRAINT dataset_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'active'::text, 'paused'::text, 'failed'::text]))),
    CONSTRAINT dataset_value_policy_check CHECK ((value_policy = ANY (ARRAY['fail'::text, 'null'::text, 'quarantine'::text])))
);
COMMENT ON TABLE ampsync_private.dataset IS 'One row per enqueued dataset: which one to follow, how, and what it resolved to.';
CREATE FUNCTION ampsync_private.check_query_removed(p_dataset ampsync_private.dataset, p_table_name text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  v_query text := (select s.query
                     from ampsync_private.stream s
                    where s.dataset_id = (p_dataset).dataset_id
                      and s.table_name = p_table_name
                      and s.shadow_of is null);
begin
  if ((p_dataset).queries ? p_table_name or v_query is not null)
     and p_table_name <> all (coalesce((p_dataset).resolved_tables, '{}')) then
    raise exception using
      errcode = 'SY004',
      message = format('queries: that of table %s cannot be taken back: the dataset has no such table', p_table_name),
      detail  = case when (p_dataset).resolved_tables is null
                     then format('All tables of %s have queries, so nothing is known of a dataset of this name.',
                                 (p_dataset).label)
                     else format('Version %s has: %s.',
                                 coalesce((p_dataset).resolved_version, (p_dataset).resolved_hash),
                                 left(array_to_string((p_dataset).resolved_tables, ', '), 2000)) end,
      hint    = case when (p_dataset).queries ? p_table_name
                     then format('select ampsync.pause_sync(%1$L); -- stops all its tables. To be rid of this one, '
                                 'enqueue the others anew, after: select ampsync.drop_sync(%1$L);', (p_dataset).label)
                     else format('select ampsync.alter_sync(%L, queries => %L);', (p_dataset).label,
                                 jsonb_build_object(p_table_name, v_query)) end;
  end if;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.check_query_removed(p_dataset ampsync_private.dataset, p_table_name text) IS 'Raise SY004 for a query that is taken back from a table that the dataset does not have.';
CREATE FUNCTION ampsync_private.check_query_start(p_dataset ampsync_private.dataset, p_table_name text, p_from_block bigint) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if p_from_block > 0 and (p_dataset).queries <> '{}'
     and coalesce((p_dataset).queries ? p_table_name, p_table_name is null) then
    raise exception using
      errcode = 'SY004',
      message = format('from_block => %s: tables of %s have queries, to which nothing is added',
                       p_from_block, (p_dataset).label),
      detail  = 'A query can have a condition of its own: WHERE _block_num >= …',
      hint    = format('select ampsync.enqueue_sync(%L, from_block => 0);', (p_dataset).label);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.check_query_start(p_dataset ampsync_private.dataset, p_table_name text, p_from_block bigint) IS 'Raise SY004 for a first block of tables that have queries.';
CREATE PROCEDURE ampsync_private.check_readable(IN p_stream_id bigint, IN p_target regclass)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_found record;
begin
  select o.what, r.rolname as owner into v_found
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   cross join lateral (values (1, 'table ' || c.oid::regclass, c.relowner),
                              (2, 'schema ' || quote_ident(n.nspname), n.nspowner)) o(position, what, owner)
    join pg_roles r on r.oid = o.owner
   where c.oid = p_target
     and r.rolname <> current_user
     and r.rolname <> 'pg_database_owner'
     and not r.rolsuper
     and not pg_has_role(r.oid, current_user, 'member')
     and not ampsync_private.is_shared_writer(r.oid)
     and not exists (select 1 from pg_namespace a where a.nspname = 'ampsync' and a.nspowner = r.oid)
     and not exists (select 1 from pg_database d where d.datname = current_database() and d.datdba = r.oid)
     and (o.position = 1 or ampsync_private.untrusted_owner(n.oid) is not null)
   order by o.position
   limit 1;
  if not found then
    perform ampsync_private.check_may_read(c.relnamespace, p_target)
       from pg_class c
      where c.oid = p_target;
    return;
  end if;
  raise exception using
    errcode = 'SY201',
    message = format('%s belongs to %I, not to %I', v_found.what, v_found.owner, ampsync_private.writer()),
    detail  = format('Nothing was read. A policy or a generated column of its owner would run as %I.', current_user),
    hint    = format('alter %s owner to %I; select ampsync.resume_sync(%L);', v_found.what, ampsync_private.writer(),
                     ampsync_private.stream_label(p_stream_id));
end;
$$;
COMMENT ON PROCEDURE ampsync_private.check_readable(IN p_stream_id bigint, IN p_target regclass) IS 'Raise SY201 for a target whose owner could have code run when it is read, 42501 without the right to read it.';
CREATE FUNCTION ampsync_private.check_replaceable(p_old regclass, p_columns jsonb, p_made jsonb DEFAULT '[]'::jsonb, p_has_block_num boolean DEFAULT true, p_identity text DEFAULT 'content'::text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_columns jsonb := case p_identity
                       when 'content' then '[{"name": "_id", "type": "bytea"}]'::jsonb
                       else '[{"name": "_tx_id", "type": "bigint"}, {"name": "_row_index", "type": "integer"}]' end
                     || jsonb_build_array('{"name": "_block_num_start", "type": "bigint"}'::jsonb,
                                          '{"name": "_block_num_end", "type": "bigint"}'::jsonb)
                     || case when p_has_block_num then '[{"name": "_block_num", "type": "bigint"}]'::jsonb
                             else '[]' end
                     || p_columns;
begin
  perform ampsync_private.refuse_obstacles(p_old, v_columns, array(
    select f.name
      from ampsync_private.column_fate(p_old, v_columns) f
     where f.gone
       and f.name <> '_block_num'
       and f.name not in (select (m.value ->> 'name')::name from jsonb_array_elements(p_made) m)));
end;
$$;
COMMENT ON FUNCTION ampsync_private.check_replaceable(p_old regclass, p_columns jsonb, p_made jsonb, p_has_block_num boolean, p_identity text) IS 'Raise SY201 if anything that hangs on a target would be lost with a table with other columns in its place.';
CREATE FUNCTION ampsync_private.check_runnable(p_stream_id bigint) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_state text;
begin
  select s.state into v_state
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  if v_state is null or ampsync_private.is_halted(v_state) then
    raise exception using
      errcode = 'SY002',
      message = format('stream %s is %s', p_stream_id, coalesce(v_state, 'gone')),
      detail  = 'Nothing is read or written for it.',
      hint    = 'select * from ampsync.streams;';
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.check_runnable(p_stream_id bigint) IS 'Raise SY002 for a stream that is gone, paused, failed, orphaned or resyncing.';
CREATE FUNCTION ampsync_private.check_schema(p_stream_id bigint, p_target_schema text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  v_owner text := ampsync_private.untrusted_owner(to_regnamespace(quote_ident(p_target_schema)));
begin
  if v_owner is not null and p_target_schema <> 'ampsync_private' then
    raise exception using
      errcode = 'SY201',
      message = format('schema %I belongs to %I, which could put another table in the place of a target',
                       p_target_schema, v_owner),
      detail  = format('Nothing was written. A trigger of that table would run as %I. Trusted are %1$I, roles that it '
                       'is a member of, the owner of the database, that of ampsync, and superusers.',
                       ampsync_private.writer()),
      hint    = format('alter schema %I owner to %I; select ampsync.resume_sync(%L);', p_target_schema,
                       ampsync_private.writer(), ampsync_private.stream_label(p_stream_id));
  end if;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.check_schema(p_stream_id bigint, p_target_schema text) IS 'Raise SY201 for a target schema whose owner is not trusted.';
CREATE FUNCTION ampsync_private.check_steps(p_old regclass, p_new regclass, p_name text) RETURNS TABLE(class_id oid, object_id oid, ddl text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with checks as (
    select k.oid, k.conrelid, k.conname, pg_get_constraintdef(k.oid) as definition,
           ampsync_private.without_casts(pg_get_constraintdef(k.oid)) as shape,
           (select coalesce(array_agg(a.attname), '{}')
              from pg_attribute a
             where a.attrelid = k.conrelid and a.attnum = any (k.conkey)) as columns
      from pg_constraint k
     where k.conrelid in (p_old, p_new)
       and k.contype = 'c'
  ),
  kept as (
    select c.*
      from checks c
     where c.conrelid = p_old
       and not exists (select 1
                         from ampsync_private.column_fate(p_old, ampsync_private.table_columns(p_new)) f
                        where f.gone and f.name = any (c.columns))
  ),
  stale as (
    select c.*
      from checks c
     where c.conrelid = p_new
       and not exists (select 1 from kept k where k.conname = c.conname and k.shape = c.shape)
       and (exists (select 1 from kept k where k.conname = c.conname)
            or not exists (select 1
                             from ampsync_private.column_fate(p_new, ampsync_private.table_columns(p_old)) f
                            where f.gone and f.name = any (c.columns)))
  )
  select 'pg_constraint'::regclass::oid, s.oid, s.ddl
    from (select 1, c.oid, format('alter table %s drop constraint %I', p_name, c.conname)
            from stale c
          union all
          select 2, k.oid, format('alter table %s add constraint %I %s', p_name, k.conname, k.definition)
            from kept k
           where not exists (select 1
                               from checks c
                              where c.conrelid = p_new and c.conname = k.conname and c.shape = k.shape)
          union all
          select 3, k.oid, format('comment on constraint %I on %s is %L', k.conname, p_name,
                                  obj_description(k.oid, 'pg_constraint'))
            from kept k
           where obj_description(k.oid, 'pg_constraint') is not null) s(n, oid, ddl)
   order by s.n;
$$;
COMMENT ON FUNCTION ampsync_private.check_steps(p_old regclass, p_new regclass, p_name text) IS 'Statements that give a table the CHECK constraints of the one that it replaces.';
CREATE FUNCTION ampsync_private.check_swappable(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream ampsync_private.stream;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  if not ampsync_private.has_columns(v_stream, p_has_block_num, p_columns) then
    perform ampsync_private.check_replaceable(v_stream.target, p_columns, v_stream.columns, p_has_block_num,
                                               v_stream.identity);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.check_swappable(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb) IS 'Raise SY201 unless rows of these columns can take the place of those of a stream.';
CREATE FUNCTION ampsync_private.check_sync_options(p_dataset text, p_name text, p_tables text[], p_target_schema text, p_retention_blocks integer, p_on_deep_reorg text, p_value_policy text, p_nul_policy text, p_on_new_version text DEFAULT NULL::text, p_block_index text DEFAULT NULL::text, p_poll_interval interval DEFAULT NULL::interval, p_identity text DEFAULT NULL::text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  v_schema text := coalesce(p_target_schema, p_name);
  v_policy record;
begin
  if cardinality(p_tables) = 0
     or cardinality(p_tables) <> (select count(distinct t.name) from unnest(p_tables) t(name)) then
    raise exception using
      errcode = 'SY004',
      message = format('tables => %L is not a list of different tables', p_tables),
      detail  = 'Omit it to sync all tables of the dataset.',
      hint    = format('select ampsync.enqueue_sync(%L, tables => ''{blocks,logs}'');', p_dataset);
  end if;
  if cardinality(p_tables) > 1000 then
    raise exception using
      errcode = 'SY004',
      message = format('tables => a list of %s tables is too long', cardinality(p_tables)),
      detail  = 'A dataset can have at most 1,000 tables.',
      hint    = format('select ampsync.enqueue_sync(%L, tables => ''{blocks,logs}'');', p_dataset);
  end if;
  perform ampsync_private.check_table_name(t.name) from unnest(p_tables) t(name);
  if v_schema = '' or octet_length(v_schema) > 63
     or v_schema ~ '(^[[:space:]]|[[:space:]]$|[[:cntrl:]])' or v_schema ~* '^pg_'
     or lower(v_schema) in ('information_schema', 'ampsync', 'ampsync_worker', 'ampsync_private')
     or (lower(v_schema) = 'public' and v_schema <> 'public')
     or v_schema in (select q.schema_name from ampsync_private.queue q)
     or (p_target_schema is null and (v_schema = 'public' or v_schema ~ '^ampsync')) then
    raise exception using
      errcode = 'SY004',
      message = format('%s cannot be the target schema of %s', quote_ident(left(v_schema, 100)), p_dataset),
      detail  = 'Schemas of PostgreSQL, of ampsync and of its queue are refused, and names that look like one. '
                'A name has 1 to 63 bytes and no surrounding blanks.',
      hint    = format('select ampsync.enqueue_sync(%L, target_schema => %L);', p_dataset, 'data_' || left(p_name, 58));
  end if;
  if p_retention_blocks < 64 then
    raise exception using
      errcode = 'SY004',
      message = format('retention_blocks => %s is below 64', p_retention_blocks),
      detail  = 'It is how deep a reorg can be undone exactly, in blocks; the default is 128.',
      hint    = format('select ampsync.enqueue_sync(%L, retention_blocks => 128);', p_dataset);
  end if;
  if p_poll_interval not between interval '1 s' and interval '1 h' then
    raise exception using
      errcode = 'SY004',
      message = format('poll_interval => %L is not between 1 s and 1 h', p_poll_interval),
      detail  = 'It is how often the list of versions is requested.',
      hint    = format('select ampsync.enqueue_sync(%L, poll_interval => ''5 s'');', p_dataset);
  end if;
  for v_policy in
    select o.name, o.value, o.allowed
      from (values ('on_deep_reorg', p_on_deep_reorg, '{stop,resync}'::text[]),
                   ('value_policy', p_value_policy, '{fail,"null",quarantine}'),
                   ('nul_policy', p_nul_policy, '{replace,strip,fail}'),
                   ('on_new_version', p_on_new_version, '{continue,resync}'),
                   ('block_index', p_block_index, '{btree,brin,none}'),
                   ('identity', p_identity, '{content,transaction}')) o(name, value, allowed)
     where o.value <> all (o.allowed)
  loop
    raise exception using
      errcode = 'SY004',
      message = format('%s => %L is not a %s', v_policy.name, v_policy.value,
                       case v_policy.name when 'block_index' then 'kind of index' when 'identity' then 'key of rows'
                                          else 'policy' end),
      detail  = format('One of: %s.', array_to_string(v_policy.allowed, ', ')),
      hint    = format('select ampsync.enqueue_sync(%L, %s => %L);', p_dataset, v_policy.name, v_policy.allowed[1]);
  end loop;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.check_sync_options(p_dataset text, p_name text, p_tables text[], p_target_schema text, p_retention_blocks integer, p_on_deep_reorg text, p_value_policy text, p_nul_policy text, p_on_new_version text, p_block_index text, p_poll_interval interval, p_identity text) IS 'Raise SY004 for an invalid option of ampsync.enqueue_sync.';
CREATE FUNCTION ampsync_private.check_synced(p_dataset_id bigint, p_table_name text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if p_table_name is not null
     and not exists (select 1
                       from ampsync_private.stream s
                      where s.dataset_id = p_dataset_id
                        and s.table_name = p_table_name) then
    raise exception using
      errcode = 'SY003',
      message = format('table %s is not synced', quote_ident(p_table_name)),
      detail  = format('Synced tables of this dataset: %s.',
                       (select coalesce(string_agg(s.table_name, ', ' order by s.table_name), 'none')
                          from ampsync_private.stream s
                         where s.dataset_id = p_dataset_id
                           and s.shadow_of is null)),
      hint    = 'select dataset, table_name from ampsync.streams;';
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.check_synced(p_dataset_id bigint, p_table_name text) IS 'Raise SY003 for a table that no stream of the dataset syncs.';
CREATE FUNCTION ampsync_private.check_table_kept(p_stream_id bigint, p_old_name text, p_new_name text, p_old_columns jsonb, p_new_columns jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  v_label  text := ampsync_private.stream_label(p_stream_id);
  v_stream ampsync_private.stream;
  v_stored name[];
begin
  select s.* into v_stream
    from ampsync_private.stream s
    join pg_class c on c.oid = s.target
   where s.stream_id = p_stream_id;
  if not found then
    return false;
  end if;
  if p_new_name <> p_old_name and p_new_name <> v_stream.target_table then
    raise exception using
      errcode = 'SY004',
      message = format('table %s of %s is created already, as %I.%I',
                       v_stream.table_name, v_label, v_stream.target_schema, v_stream.target_table),
      detail  = 'The option rename is for tables that are still to be created. A table that you rename is followed.',
      hint    = format('alter table %I.%I rename to %I;', v_stream.target_schema, v_stream.target_table, p_new_name);
  end if;
  select array_agg(a.attname order by a.attnum) into v_stored
    from jsonb_array_elements(v_stream.columns) m
    join pg_attribute a on a.attrelid = v_stream.target and a.attname = m.value ->> 'name'
   where p_new_columns ? a.attname
     and not p_old_columns ? a.attname;
  if v_stored is not null then
    raise exception using
      errcode = 'SY004',
      message = format('table %s of %s is created already, with what exclude_columns would leave out: %s',
                       v_stream.table_name, v_label, array_to_string(v_stored, ', ')),
      detail  = format('Excluded are: %s. Given: %s.', p_old_columns, p_new_columns),
      hint    = format('alter table %s %s; select ampsync.enqueue_sync(%L, exclude_columns => %L); '
                       'select ampsync.resume_sync(%3$L);',
                       v_stream.target,
                       (select string_agg(format('drop column %I', c.name), ', ') from unnest(v_stored) c(name)),
                       v_label, jsonb_build_object(v_stream.table_name, p_new_columns));
  end if;
  return true;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.check_table_kept(p_stream_id bigint, p_old_name text, p_new_name text, p_old_columns jsonb, p_new_columns jsonb) IS 'Whether a table was created; SY004 if its name, or what it has, would change.';
CREATE FUNCTION ampsync_private.check_table_name(p_table_name text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
begin
  if p_table_name is null or p_table_name !~ '^[A-Za-z_][A-Za-z0-9_$]*$' then
    raise exception using
      errcode = 'SY004',
      message = format('%s is not a table name', coalesce(quote_literal(p_table_name), 'null')),
      detail  = 'A table name starts with a letter or an underscore, followed by letters, digits, underscores and $.',
      hint    = 'select ampsync.enqueue_sync(''my_dataset'', tables => ''{blocks,logs}'');';
  end if;
  if p_table_name = '_ampsync_checkpoints' then
    raise exception using
      errcode = 'SY004',
      message = 'Table name _ampsync_checkpoints is reserved',
      detail  = 'Each target schema has a view of checkpoints by this name.',
      hint    = 'select ampsync.enqueue_sync(''my_dataset'', tables => ''{blocks,logs}'');';
  end if;
  if octet_length(p_table_name) > 63 then
    raise exception using
      errcode = 'SY004',
      message = format('Identifier %s is too long: %s bytes, limit 63', p_table_name, octet_length(p_table_name)),
      detail  = 'PostgreSQL would truncate it, and two names could become one.',
      hint    = 'select ampsync.enqueue_sync(''my_dataset'', tables => ''{blocks,logs}'');';
  end if;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.check_table_name(p_table_name text) IS 'Raise SY004 unless the text can be a table name.';
CREATE FUNCTION ampsync_private.check_table_options(p_dataset text, p_rename jsonb, p_exclude_columns jsonb) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  v_table record;
begin
  if jsonb_typeof(p_rename) <> 'object'
     or exists (select 1 from jsonb_each(case when jsonb_typeof(p_rename) = 'object' then p_rename end) r
                 where jsonb_typeof(r.value) not in ('string', 'null')) then
    raise exception using
      errcode = 'SY004',
      message = format('rename => %L does not give tables names', left(p_rename::text, 200)),
      detail  = 'Expected a JSON object: {"table": "name of its target"}.',
      hint    = format('select ampsync.enqueue_sync(%L, rename => ''{"logs": "events"}'');', p_dataset);
  end if;
  for v_table in
    select r.key as name, r.value as target, count(*) over (partition by r.value) as times
      from jsonb_each_text(p_rename) r
     where r.value is not null
  loop
    perform ampsync_private.check_table_name(v_table.name);
    perform ampsync_private.check_table_name(v_table.target);
    if v_table.times > 1 then
      raise exception using
        errcode = 'SY004',
        message = format('rename gives %s tables the name %s', v_table.times, v_table.target),
        detail  = 'A target table belongs to exactly one stream.',
        hint    = format('select ampsync.enqueue_sync(%L, rename => ''{"logs": "events"}'');', p_dataset);
    end if;
  end loop;
  if jsonb_typeof(p_exclude_columns) <> 'object' then
    raise exception using
      errcode = 'SY004',
      message = format('exclude_columns => %L does not list columns of tables', left(p_exclude_columns::text, 200)),
      detail  = 'Expected a JSON object: {"table": ["column", "another column"]}.',
      hint    = format('select ampsync.enqueue_sync(%L, exclude_columns => ''{"logs": ["data"]}'');', p_dataset);
  end if;
  for v_table in
    select e.key as name, e.value as columns
      from jsonb_each(p_exclude_columns) e
     where e.value <> 'null'
  loop
    perform ampsync_private.check_table_name(v_table.name);
    if jsonb_typeof(v_table.columns) <> 'array'
       or jsonb_path_exists(v_table.columns, '$[*] ? (@.type() != "string" || @ == "" || @ == "_block_num")')
       or jsonb_array_length(v_table.columns) <> (select count(distinct c.name)
                                                    from jsonb_array_elements(v_table.columns) c(name)) then
      raise exception using
        errcode = 'SY004',
        message = format('exclude_columns: %s is not a list of different columns of %s',
                         left(v_table.columns::text, 200), v_table.name),
        detail  = 'Column _block_num cannot be left out: it says to which block a row belongs.',
        hint    = format('select ampsync.enqueue_sync(%L, exclude_columns => ''{"logs": ["data"]}'');', p_dataset);
    end if;
  end loop;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.check_table_options(p_dataset text, p_rename jsonb, p_exclude_columns jsonb) IS 'Raise SY004 for an invalid rename or exclude_columns.';
CREATE TABLE ampsync_private.stream (
    stream_id bigint NOT NULL,
    dataset_id bigint NOT NULL,
    table_name text NOT NULL,
    shadow_of bigint,
    target_schema text NOT NULL,
    target_table text NOT NULL,
    identity text DEFAULT 'content'::text NOT NULL,
    target regclass,
    columns jsonb,
    has_block_num boolean,
    network text,
    version text,
    manifest_hash text,
    version_since timestamp with time zone,
    query text,
    state text DEFAULT 'waiting'::text NOT NULL,
    since timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_retry timestamp with time zone,
    error jsonb,
    from_block bigint DEFAULT 0 NOT NULL,
    origin bigint,
    checkpoint_block bigint,
    checkpoint_hash bytea,
    block_time timestamp with time zone,
    committed_at timestamp with time zone,
    load_started timestamp with time zone,
    load_from bigint,
    row_total bigint DEFAULT 0 NOT NULL,
    rewrites bigint DEFAULT 0 NOT NULL,
    nul_counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    nulled_counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    deaths integer DEFAULT 0 NOT NULL,
    reached_head_at timestamp with time zone,
    in_cut boolean DEFAULT true NOT NULL,
    swap_attempts integer DEFAULT 0 NOT NULL,
    swap_retry timestamp with time zone,
    swap_error jsonb,
    reorgs bigint[] DEFAULT '{0,0,0,0}'::bigint[] NOT NULL,
    CONSTRAINT stream_checkpoint_check CHECK ((((checkpoint_block IS NULL) = (checkpoint_hash IS NULL)) AND (octet_length(checkpoint_hash) = 32) AND (checkpoint_block >= origin))),
    CONSTRAINT stream_former_check CHECK (((state <> 'former'::text) OR ((shadow_of IS NOT NULL) AND (target IS NOT NULL)))),
    CONSTRAINT stream_identity_check CHECK ((identity = ANY (ARRAY['content'::text, 'transaction'::text]))),
    CONSTRAINT stream_reorgs_check CHECK ((cardinality(reorgs) = 4)),
    CONSTRAINT stream_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'backfill'::text, 'live'::text, 'retrying'::text, 'reorg_pending'::text, 'resyncing'::text, 'paused'::text, 'failed'::text, 'orphaned'::text, 'former'::text]))),
    CONSTRAINT stream_target_check CHECK ((((target IS NULL) = (columns IS NULL)) AND ((target IS NULL) = (has_block_num IS NULL))))
)
WITH (fillfactor='25', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='200', autovacuum_vacuum_cost_delay='0');
COMMENT ON TABLE ampsync_private.stream IS 'One table of a dataset, synced into one user table, its target; the checkpoint moves with the rows.';
CREATE FUNCTION ampsync_private.check_target(p_stream ampsync_private.stream) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_name   text := format('%I.%I', p_stream.target_schema, p_stream.target_table);
  v_writer name;
  v_table  record;
begin
  call ampsync_private.check_target_name(p_stream);
  select n.oid as schema_id, c.relowner as owner_id, pg_get_userbyid(c.relowner) as owner,
         c.relowner = n.nspowner as owns_schema, row_security_active(c.oid) as hides_rows
    into strict v_table
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.oid = p_stream.target;
  if v_table.owner <> current_user
     and not (ampsync_private.is_shared_writer(v_table.owner_id) and pg_has_role(v_table.owner_id, 'usage')) then
    v_writer := ampsync_private.writer();
    raise exception using
      errcode = 'SY201',
      message = format('table %s belongs to %I, not to %I, which writes it', v_name, v_table.owner, v_writer),
      detail  = 'Nothing was written. A trigger that the owner adds would run as the worker.',
      hint    = case when v_writer <> current_user and not has_schema_privilege(v_writer, v_table.schema_id, 'create')
                     then format('grant usage, create on schema %I to %I; ', p_stream.target_schema, v_writer)
                     else '' end
                || format('alter table %s owner to %I; select ampsync.resume_sync(%L);', v_name, v_writer,
                          ampsync_private.stream_label(p_stream.stream_id));
  end if;
  if not v_table.owns_schema then
    perform ampsync_private.check_schema(p_stream.stream_id, p_stream.target_schema);
  end if;
  if v_table.hides_rows then
    raise exception using
      errcode = 'SY201',
      message = format('row level security is forced on table %s, so ampsync cannot see all of its rows', v_name),
      detail  = 'Nothing was written. A reorg could not remove hidden rows. Readers stay restricted when row level '
                'security is not forced on the owner.',
      hint    = format('alter table %s no force row level security; select ampsync.resume_sync(%L);', v_name,
                       ampsync_private.stream_label(p_stream.stream_id));
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.check_target(p_stream ampsync_private.stream) IS 'Raise SY201 or SY205 unless a stream''s target is the table it was, under its name, and safe to write.';
CREATE FUNCTION ampsync_private.check_target_filled(p_stream_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  v_entry  record;
  v_filled boolean;
begin
  select l.first_block, l.last_block, l.row_count, s.target, s.identity, s.table_name,
         s.has_block_num and s.query is null as is_repairable
    into v_entry
    from ampsync_private.ledger l
    join ampsync_private.stream s using (stream_id)
   where l.stream_id = p_stream_id
     and l.row_count > 0
   order by l.last_block desc
   limit 1;
  if not found then
    return;
  end if;
  -- Written out for each identity: the calls of in_blocks would cost each commit more than the probe.
  if v_entry.identity = 'content' then
    execute format('select true from %s t where t._id >= $1 and t._id < $2 order by t._id limit 1', v_entry.target)
       into v_filled
      using ampsync_private.block_prefix(v_entry.first_block), ampsync_private.block_prefix(v_entry.last_block + 1);
  else
    execute format('select true from %s t where t._block_num_end >= $1 and t._block_num_end < $2 '
                   'order by t._block_num_end limit 1', v_entry.target)
       into v_filled
      using v_entry.first_block, v_entry.last_block + 1;
  end if;
  if v_filled is null then
    raise exception using
      errcode = 'SY201',
      message = format('table %s was emptied: it has no row of blocks %s to %s, for which %s were loaded',
                       v_entry.target, v_entry.first_block, v_entry.last_block, v_entry.row_count),
      detail  = 'Nothing was written.' || case when v_entry.is_repairable
                  then format(' If only these blocks are missing: '
                              'select ampsync.repair(%1$L, %2$L, %3$s, %4$s); select ampsync.resume_sync(%1$L);',
                              ampsync_private.stream_label(p_stream_id), v_entry.table_name,
                              v_entry.first_block, v_entry.last_block) else '' end,
      hint    = format('select ampsync.resync(%L, %L);', ampsync_private.stream_label(p_stream_id), v_entry.table_name);
  end if;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.check_target_filled(p_stream_id bigint) IS 'Raise SY201 if the newest blocks that must have rows have none.';
CREATE FUNCTION ampsync_private.check_target_fits(p_stream_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $_$
declare
  v_stream ampsync_private.stream;
  v_key    text[];
  v_fault  text;
  v_remedy text;
  v_tail   boolean;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  perform ampsync_private.hold_target(p_stream_id);
  perform ampsync_private.check_target(v_stream); -- Again: it may have changed while this call waited for it.
  v_key := ampsync_private.key_columns(v_stream.identity);
  select 'Columns of ampsync missing or changed: ' || string_agg(o.name, ', ') into v_fault
    from (values (case when v_stream.identity = 'content' then '_id' end, 'bytea'),
                 (case when v_stream.identity = 'transaction' then '_tx_id' end, 'bigint'),
                 (case when v_stream.identity = 'transaction' then '_row_index' end, 'integer'),
                 ('_block_num_start', 'bigint'), ('_block_num_end', 'bigint'),
                 (case when v_stream.has_block_num then '_block_num' end, 'bigint')) o(name, type)
   where not exists (select 1
                       from pg_attribute a
                      where a.attrelid = v_stream.target
                        and a.attname = o.name
                        and format_type(a.atttypid, a.atttypmod) = o.type);
  if v_fault is null
     and not exists (select 1
                       from pg_index i
                      where i.indrelid = v_stream.target
                        and i.indisunique and i.indisvalid and i.indimmediate
                        and i.indnkeyatts = cardinality(v_key) and i.indpred is null
                        and v_key <@ array(select a.attname::text
                                             from pg_attribute a
                                            where a.attrelid = i.indrelid
                                              and a.attnum = any ((i.indkey::smallint[])[0:i.indnkeyatts - 1]))) then
    v_fault := format('its primary key (%s) is gone', array_to_string(v_key, ', '));
    v_remedy := format('alter table %s add primary key (%s); ', v_stream.target, array_to_string(v_key, ', '));
  end if;
  if v_fault is null
     and v_stream.identity = 'transaction'
     and ampsync_private.serving_index(v_stream.target, 'btree', '{_block_num_end}', '{0}') is null then
    v_fault := 'its index on _block_num_end is gone';
    v_remedy := format('create index on %s (_block_num_end); ', v_stream.target);
  end if;
  if v_fault is not null then
    raise exception using
      errcode = 'SY201',
      message = format('target table of %s does not fit the schema: %s', v_stream.table_name, v_fault),
      detail  = 'Nothing was written.',
      hint    = format('%sselect ampsync.resume_sync(%L);%s', v_remedy, ampsync_private.stream_label(p_stream_id),
                       case when v_remedy is null then ' -- once the table fits again' end);
  end if;
  execute format('select exists (select 1 from %s t where %s)', v_stream.target,
                 ampsync_private.in_blocks(v_stream.identity, '$1', '281474976710655')) -- 2^48 - 1: see block_prefix.
     into v_tail
    using coalesce(v_stream.checkpoint_block + 1, 0);
  if v_tail then
    raise exception using
      errcode = 'SY201',
      message = format('target table %s holds rows above the checkpoint', v_stream.target),
      detail  = format('The checkpoint is block %s; ampsync never leaves rows above it, so something else wrote them.',
                       coalesce(v_stream.checkpoint_block::text, 'none')),
      hint    = format('delete from %s where _block_num_end > %s; select ampsync.resume_sync(%L);', v_stream.target,
                       coalesce(v_stream.checkpoint_block, -1), ampsync_private.stream_label(p_stream_id));
  end if;
  if not exists (select 1 from ampsync_private.repair r where r.stream_id = p_stream_id) then
    perform ampsync_private.check_target_filled(p_stream_id);
  end if;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.check_target_fits(p_stream_id bigint) IS 'Raise SY201 unless a stream''s target has our columns and no row above the checkpoint.';
CREATE FUNCTION ampsync_private.check_target_free(p_dataset_id bigint, p_table_name text, p_target_schema text, p_target_table text) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_owner   record;
  v_earlier text;
  v_former  boolean; -- The table is one that drop_sync or an uninstallation kept.
begin
  select s.dataset_id, s.table_name, s.target, d.label
    into v_owner
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.target_schema = p_target_schema
     and s.target_table = p_target_table;
  if (v_owner.dataset_id, v_owner.table_name) = (p_dataset_id, p_table_name) and v_owner.target is not null then
    return;
  end if;
  if (v_owner.dataset_id, v_owner.table_name) <> (p_dataset_id, p_table_name) then
    raise exception using
      errcode = 'SY003',
      message = format('Target table %I.%I is already fed by %s.%s',
                       p_target_schema, p_target_table, v_owner.label, v_owner.table_name),
      detail  = 'A target table belongs to exactly one stream.',
      hint    = 'select ampsync.enqueue_sync(''my_dataset'', target_schema => ''another_schema'');';
  end if;
  -- Every table is also a type. PostgreSQL itself renames the array types that are in the way.
  if exists (select 1
               from pg_type t
               left join pg_class c on c.oid = t.typrelid
              where t.typnamespace = to_regnamespace(quote_ident(p_target_schema))
                and t.typname = p_target_table
                and coalesce(c.relkind, 'c') = 'c'
                and t.typcategory <> 'A') then
    raise exception using
      errcode = 'SY003',
      message = format('Type %I.%I has the name of the target table', p_target_schema, p_target_table),
      detail  = 'A table and a type of one schema cannot have the same name.',
      hint    = format('alter type %I.%I rename to %I;',
                       p_target_schema, p_target_table, left(p_target_table, 58) || '_type');
  end if;
  v_earlier := ampsync_private.earlier_ampsync(p_target_schema, p_target_table);
  if v_earlier is not null then
    raise exception using
      errcode = 'SY003',
      message = format('Target table %I.%I was made by the Rust ampsync', p_target_schema, p_target_table),
      detail  = format('Nothing was changed: %s. A table of that program is not continued. The dataset can be loaded '
                       'into another schema beside it, and then take its place: ampsync.adopt.', v_earlier),
      hint    = ampsync_private.load_beside(p_dataset_id, p_target_table);
  end if;
  v_former := obj_description(to_regclass(format('%I.%I', p_target_schema, p_target_table)), 'pg_class')
                ~ '^Was kept in sync by ampsync';
  if to_regclass(format('%I.%I', p_target_schema, p_target_table)) is not null then
    raise exception using
      errcode = 'SY003',
      message = format(case when v_former then 'Target table %I.%I exists since an earlier sync that was dropped'
                            else 'Target table %I.%I exists and was not created by ampsync' end,
                       p_target_schema, p_target_table),
      detail  = case when v_former
        then 'The records of what it holds were dropped with that sync, so the dataset is loaded into a new table. '
             'Keep the old one under another name, or drop it.'
        else 'Its rows would be mixed with those of the dataset.' end,
      hint    = format('alter table %I.%I rename to %I;', p_target_schema, p_target_table,
                       ampsync_private.free_name(p_target_schema, p_target_table));
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.check_target_free(p_dataset_id bigint, p_table_name text, p_target_schema text, p_target_table text) IS 'Raise SY003 if a target table belongs to another stream or to the user.';
CREATE PROCEDURE ampsync_private.check_target_name(IN p_stream ampsync_private.stream)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if to_regclass(format('%I.%I', p_stream.target_schema, p_stream.target_table)) is distinct from p_stream.target then
    call ampsync_private.raise_target_moved(p_stream.stream_id);
  end if;
end;
$$;
COMMENT ON PROCEDURE ampsync_private.check_target_name(IN p_stream ampsync_private.stream) IS 'Raise SY205 or SY201 unless the name of a stream''s target still means it.';
CREATE FUNCTION ampsync_private.checkpoints_definition(p_target_schema text) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_view       oid;
  v_definition text;
begin
  select c.oid into v_view
    from pg_class c
   where c.oid = to_regclass(format('%I._ampsync_checkpoints', p_target_schema))
     and c.relkind = 'v'
     and (pg_get_userbyid(c.relowner) = current_user
          or pg_has_role(c.relowner, 'usage') and ampsync_private.is_shared_writer(c.relowner));
  v_definition := pg_get_viewdef(v_view);
  return case when v_definition ~ 'ampsync[.]checkpoints' then v_definition end;
end;
$$;
COMMENT ON FUNCTION ampsync_private.checkpoints_definition(p_target_schema text) IS 'The definition of our view of checkpoints in a target schema; null if there is none.';
CREATE FUNCTION ampsync_private.clean_queries(p_dataset text, p_queries jsonb) RETURNS TABLE(table_name text, query text, removed text[])
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
#variable_conflict use_column
declare
  c_example constant jsonb := jsonb_build_object('transfers', 'SELECT * FROM "_/my_dataset@1.0.0".logs');
  v_given    record;
  v_fault    text;
  v_suspects text[];
begin
  if jsonb_typeof(p_queries) <> 'object'
     or jsonb_path_exists(p_queries, '$.* ? (@.type() != "string" && @.type() != "null")') then
    raise exception using
      errcode = 'SY004',
      message = format('queries => %L does not give tables queries', left(p_queries::text, 200)),
      detail  = 'Expected a JSON object: {"table": "SELECT …"}, or null to take a query back.',
      hint    = format('select ampsync.enqueue_sync(%L, queries => %L);', p_dataset, c_example);
  end if;
  if (select count(*) from jsonb_object_keys(p_queries)) > 1000 then
    raise exception using
      errcode = 'SY004',
      message = format('queries => %s tables are too many', (select count(*) from jsonb_object_keys(p_queries))),
      detail  = 'A dataset can have at most 1,000 tables.',
      hint    = format('select ampsync.enqueue_sync(%L, queries => %L);', p_dataset, c_example);
  end if;
  for v_given in
    select q.key as name, q.value as sql from jsonb_each_text(p_queries) q order by q.key
  loop
    perform ampsync_private.check_table_name(v_given.name);
    if v_given.sql is null then
      table_name := v_given.name;
      query := null;
      removed := '{}';
      return next;
      continue;
    end if;
    select v_given.name, s.query, s.removed, s.fault
      into table_name, query, removed, v_fault
      from ampsync_private.sanitise_query(v_given.sql) s;
    if v_fault is not null then
      raise exception using
        errcode = 'SY004',
        message = format('queries: that of table %s is not one query: %s', v_given.name, v_fault),
        detail  = format('Given: %s', left(v_given.sql, 1000)),
        hint    = format('select ampsync.enqueue_sync(%L, queries => %L);', p_dataset,
                         jsonb_build_object(v_given.name, c_example ->> 'transfers'));
    end if;
    if removed <> '{}' then
      raise warning using
        message = format('the query of table %s is stored without %s', table_name, array_to_string(removed, ', ')),
        detail  = query,
        hint    = 'A table has no order, and its stream no end: sort and limit where you read it.';
    end if;
    v_suspects := ampsync_private.query_suspects(query);
    if v_suspects <> '{}' then
      raise warning using
        message = format('the Amp server may refuse the query of table %s as a stream: %s',
                         table_name, array_to_string(v_suspects, ', ')),
        detail  = 'Columns, filters and UNION ALL can always be streamed; the rest depends on the server''s version.',
        hint    = 'select table_name, state, reason, detail from ampsync.streams;';
    end if;
    return next;
  end loop;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.clean_queries(p_dataset text, p_queries jsonb) IS 'The option queries as it is stored; SY004 for what is not one query.';
CREATE FUNCTION ampsync_private.close_fence(p_stream_id bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '5s'
    AS $$
declare
  v_epoch  bigint;
  v_closed bigint;
begin
  loop
    select l.epoch into v_epoch
      from ampsync_private.lease l
     where l.stream_id = p_stream_id;
    exit when v_epoch is not distinct from v_closed; -- Otherwise a takeover came first, with writers of its own.
    perform ampsync_private.end_writers(p_stream_id, v_epoch);
    v_closed := v_epoch;
  end loop;
  return v_epoch;
end;
$$;
COMMENT ON FUNCTION ampsync_private.close_fence(p_stream_id bigint) IS 'End the writers of a stream and admit none until the transaction ends; returns the epoch.';
CREATE FUNCTION ampsync_private.close_swaps(p_dataset_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '1s'
    AS $$
begin
  for v_attempt in 1..5 loop -- One that waited for the row may have got it, and begun.
    begin
      perform ampsync_private.end_swaps(p_dataset_id);
      perform 1
         from ampsync_private.dataset d
        where d.dataset_id = p_dataset_id
          for no key update;
      perform ampsync_private.end_swaps(p_dataset_id);
      perform pg_advisory_xact_lock(ampsync_private.swap_key(p_dataset_id));
      return;
    exception
      when lock_not_available then
        if v_attempt = 5 then
          perform ampsync_private.raise_deciding(p_dataset_id);
        end if;
    end;
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_private.close_swaps(p_dataset_id bigint) IS 'Lock the row of a dataset, end swaps of its tables, and keep others from starting; 55P03 after 5 s.';
CREATE FUNCTION ampsync_private.column_fate(p_table regclass, p_columns jsonb) RETURNS TABLE(attnum smallint, name name, gone boolean, changed boolean)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select a.attnum, a.attname, p.type is null,
         coalesce(p.type <> format_type(a.atttypid, a.atttypmod), false) or a.attcollation <> t.typcollation
    from pg_attribute a
    join pg_type t on t.oid = a.atttypid
    left join jsonb_to_recordset(p_columns) p(name name, type text) on p.name = a.attname
   where a.attrelid = p_table
     and a.attnum > 0
     and not a.attisdropped;
$$;
COMMENT ON FUNCTION ampsync_private.column_fate(p_table regclass, p_columns jsonb) IS 'Which columns of a table are gone, or have another type, among others.';
CREATE FUNCTION ampsync_private.column_steps(p_old regclass, p_new regclass, p_name text) RETURNS TABLE(class_id oid, object_id oid, ddl text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with kept as (
    select o.*, n.attnum as new_attnum, n.attstattarget as new_target, n.attoptions as new_options,
           n.attstorage as new_storage, n.attcompression as new_compression, not f.changed as is_same_type
      from ampsync_private.column_fate(p_old, ampsync_private.table_columns(p_new)) f
      join pg_attribute o on o.attrelid = p_old and o.attnum = f.attnum
      join pg_attribute n on n.attrelid = p_new and n.attname = f.name and n.attnum > 0
     where not f.gone
  )
  select 'pg_class'::regclass::oid, p_old::oid, s.ddl
    from (select format('comment on column %s.%I is %L', p_name, k.attname, col_description(p_old, k.attnum))
            from kept k
           where col_description(p_old, k.attnum) <> coalesce(col_description(p_new, k.new_attnum), '')
          union all
          select format('alter table %s alter column %I set statistics %s', p_name, k.attname,
                        coalesce(k.attstattarget, -1))
            from kept k
           where coalesce(k.attstattarget, -1) <> coalesce(k.new_target, -1)
          union all
          select format('alter table %s alter column %I reset (%s)', p_name, k.attname,
                        (select string_agg(quote_ident(x.option_name), ', ') from pg_options_to_table(k.new_options) x))
            from kept k
           where k.new_options is distinct from k.attoptions and k.new_options is not null
          union all
          select format('alter table %s alter column %I set (%s)', p_name, k.attname,
                        (select string_agg(format('%I = %L', x.option_name, x.option_value), ', ')
                           from pg_options_to_table(k.attoptions) x))
            from kept k
           where k.new_options is distinct from k.attoptions and k.attoptions is not null
          union all
          select format('alter table %s alter column %I set storage %s', p_name, k.attname,
                        case k.attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main'
                                          else 'extended' end)
            from kept k
           where k.is_same_type and k.attstorage <> k.new_storage
          union all
          select format('alter table %s alter column %I set compression %s', p_name, k.attname,
                        case k.attcompression when 'l' then 'lz4' when 'p' then 'pglz' else 'default' end)
            from kept k
           where k.is_same_type and k.attcompression <> k.new_compression
          union all
          select format('alter table %s alter column %I drop default', p_name, k.attname)
            from kept k
            join pg_attrdef d on d.adrelid = p_new and d.adnum = k.new_attnum
          union all
          select format('alter table %s alter column %I set default %s', p_name, k.attname,
                        pg_get_expr(d.adbin, d.adrelid))
            from kept k
            join pg_attrdef d on d.adrelid = p_old and d.adnum = k.attnum
           where k.is_same_type and k.attgenerated = ''
          union all
          select format('alter table %s rename constraint %I to %I', p_name, n.conname, o.conname)
            from kept k
            join pg_constraint o on o.conrelid = p_old and o.contype = 'n' and o.conkey = array[k.attnum]
            join pg_constraint n on n.conrelid = p_new and n.contype = 'n' and n.conkey = array[k.new_attnum]
           where n.conname <> o.conname) s(ddl);
$$;
COMMENT ON FUNCTION ampsync_private.column_steps(p_old regclass, p_new regclass, p_name text) IS 'Statements that give the columns of a table comments, defaults and settings of those that they replace.';
CREATE FUNCTION ampsync_private.comment_target(p_target regclass, p_has_block_num boolean, p_identity text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_column record;
begin
  execute format('comment on table %s is %L', p_target, 'Kept in sync by ampsync; see ampsync.streams.');
  for v_column in
    select c.name, c.meaning
      from (values (case when p_identity = 'content' then '_id' end,
                    'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.'),
                   (case when p_identity = 'transaction' then '_tx_id' end,
                    'The microbatch that brought the row; rises, and is never used again.'),
                   (case when p_identity = 'transaction' then '_row_index' end,
                    'Position of the row in its microbatch, from 0. With _tx_id the key of the row.'),
                   ('_block_num_start', case when p_has_block_num then 'Block of the row, as in _block_num.'
                                             else 'First block that the row can belong to.' end),
                   ('_block_num_end', case when p_has_block_num then 'Block of the row, as in _block_num.'
                                           else 'Last block that the row can belong to.' end),
                   (case when p_has_block_num then '_block_num' end, 'Block of the row.')) c(name, meaning)
     where c.name is not null
  loop
    execute format('comment on column %s.%I is %L', p_target, v_column.name, v_column.meaning);
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_private.comment_target(p_target regclass, p_has_block_num boolean, p_identity text) IS 'Comment a new target and the columns that ampsync adds to it.';
CREATE FUNCTION ampsync_private.commit_async() RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select set_config('synchronous_commit', 'off', true);
$$;
COMMENT ON FUNCTION ampsync_private.commit_async() IS 'Let the commit of this transaction wait for nothing.';
CREATE FUNCTION ampsync_private.common_block(p_dataset_id bigint, p_network text, p_beside boolean DEFAULT false, p_joining bigint DEFAULT NULL::bigint) RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with candidate as (
    select coalesce(w.stream_id, s.stream_id) as stream_id,
           s.in_cut or s.stream_id is not distinct from p_joining as in_cut
      from ampsync_private.stream s
      left join ampsync_private.stream w
             on p_beside and s.query is null and w.shadow_of = s.stream_id and w.state <> 'former'
     where s.dataset_id = p_dataset_id
       and s.shadow_of is null
       and s.state <> 'orphaned'
       and coalesce(s.network, p_network) = p_network
       and (w.stream_id is not null or s.query is not null or not p_beside)
  ),
  member as (
    select c.stream_id
      from candidate c
     where c.in_cut
        or not exists (select 1 from candidate o where o.in_cut)
  )
  select max(c.last_block)
    from (select h.last_block
            from ampsync_private.history h
            join member m using (stream_id)
           group by h.last_block, h.hash
          having count(*) = (select count(*) from member)) c;
$$;
COMMENT ON FUNCTION ampsync_private.common_block(p_dataset_id bigint, p_network text, p_beside boolean, p_joining bigint) IS 'The highest block that all streams of a dataset''s network hold with the same hash.';
CREATE FUNCTION ampsync_private.compact_ledger(p_stream_id bigint, p_from_block bigint, p_to_block bigint) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with loose as (
    delete from ampsync_private.ledger l
     where l.stream_id = p_stream_id
       and l.last_block between p_from_block / 1000 * 1000 and p_to_block
       and l.first_block / 1000 = l.last_block / 1000
    returning l.first_block, l.last_block, l.row_count, l.id_xor
  )
  insert into ampsync_private.ledger (stream_id, first_block, last_block, row_count, id_xor)
  select p_stream_id, min(l.first_block), max(l.last_block), sum(l.row_count), bit_xor(l.id_xor)
    from loose l
   group by l.first_block / 1000;
$$;
COMMENT ON FUNCTION ampsync_private.compact_ledger(p_stream_id bigint, p_from_block bigint, p_to_block bigint) IS 'Merge old ledger entries into one per thousand blocks.';
CREATE FUNCTION ampsync_private.copy_checks(p_old regclass, p_new regclass) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_step  record;
  v_count integer := 0;
begin
  for v_step in
    select s.object_id, s.ddl, k.conrelid = p_old and starts_with(s.ddl, 'alter') as is_made
      from ampsync_private.check_steps(p_old, p_new, p_new::text) with ordinality s(class_id, object_id, ddl, n)
      join pg_constraint k on k.oid = s.object_id
     order by s.n
  loop
    execute v_step.ddl;
    v_count := v_count + v_step.is_made::integer;
  end loop;
  return v_count;
exception
  when lock_not_available or deadlock_detected or serialization_failure then
    raise;
  when others then
    call ampsync_private.raise_not_copied(p_old, 'pg_constraint'::regclass, v_step.object_id, sqlerrm);
end;
$$;
COMMENT ON FUNCTION ampsync_private.copy_checks(p_old regclass, p_new regclass) IS 'Make on a new table the CHECK constraints of the old one that it lacks; returns how many.';
CREATE FUNCTION ampsync_private.copy_indexes(p_old regclass, p_new regclass) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    AS $$
declare
  v_missing record;
  v_count   integer := 0;
begin
  for v_missing in
    select p.old_index, i.indisunique, k.oid as constraint_id, 'ampsync_' || p.old_index::oid as name
      from ampsync_private.index_pairs(p_old, p_new) p
      join pg_index i on i.indexrelid = p.old_index
      left join pg_constraint k on k.conindid = p.old_index and k.conrelid = p_old and k.contype in ('u', 'x')
     where p.new_index is null
       and not i.indisprimary
       and not exists (select 1
                         from ampsync_private.column_fate(p_old, ampsync_private.table_columns(p_new)) f
                        where f.gone and f.name = any (ampsync_private.index_columns(p.old_index)))
     order by p.old_index::oid
  loop
    begin
      if v_missing.constraint_id is null then
        execute format('create %sindex %I on %s %s', case when v_missing.indisunique then 'unique ' end,
                       v_missing.name, p_new, ampsync_private.index_clauses(v_missing.old_index, true));
      else
        execute format('alter table %s add constraint %I %s', p_new, v_missing.name,
                       pg_get_constraintdef(v_missing.constraint_id));
      end if;
    exception
      when lock_not_available or deadlock_detected or serialization_failure then
        raise;
      when others then
        continue when not exists (select 1 from pg_class c where c.oid = v_missing.old_index);
        call ampsync_private.raise_not_copied(p_old,
               case when v_missing.constraint_id is null then 'pg_class'::regclass else 'pg_constraint'::regclass end,
               coalesce(v_missing.constraint_id, v_missing.old_index), sqlerrm);
    end;
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
COMMENT ON FUNCTION ampsync_private.copy_indexes(p_old regclass, p_new regclass) IS 'Make on a new table the indexes of the old one that it lacks; returns how many.';
CREATE FUNCTION ampsync_private.create_target(p_target_schema text, p_table_name text, p_has_block_num boolean, p_columns jsonb, p_identity text) RETURNS regclass
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_writer name := ampsync_private.writer();
  v_ddl    text;
  v_target regclass;
begin
  for v_ddl in
    select d.ddl
      from ampsync_private.target_ddl(
             p_target_schema, p_table_name, p_has_block_num, p_columns, p_identity) d(ddl)
  loop
    execute v_ddl;
  end loop;
  v_target := format('%I.%I', p_target_schema, p_table_name)::regclass;
  if v_writer <> current_user then
    execute format('alter table %s owner to %I', v_target, v_writer);
  end if;
  if p_target_schema <> 'ampsync_private' then -- A shadow gets the grants of the table that it replaces.
    perform ampsync_private.open_to_readers(v_target);
  end if;
  perform ampsync_private.show_checkpoints(p_target_schema);
  perform ampsync_private.comment_target(v_target, p_has_block_num, p_identity);
  return v_target;
end;
$$;
COMMENT ON FUNCTION ampsync_private.create_target(p_target_schema text, p_table_name text, p_has_block_num boolean, p_columns jsonb, p_identity text) IS 'Create a target table with its system columns, and its schema if that is missing.';
CREATE FUNCTION ampsync_private.cut_is_reached(p_dataset_id bigint) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select coalesce(bool_and(coalesce(c.beside >= c.cut, c.cut is null)), true)
    from (select distinct w.network
            from ampsync_private.stream w
           where w.dataset_id = p_dataset_id
             and w.shadow_of is not null
             and w.state <> 'former'
             and w.network is not null) n
   cross join lateral (
     select ampsync_private.common_block(p_dataset_id, n.network) as cut,
            ampsync_private.common_block(p_dataset_id, n.network, true) as beside
   ) c;
$$;
COMMENT ON FUNCTION ampsync_private.cut_is_reached(p_dataset_id bigint) IS 'Whether the tables that an upgrade builds agree at a block that is not below the cut of now.';
CREATE FUNCTION ampsync_private.cut_name(p_name text, p_bytes integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select left(p_name, max(n.n))
    from generate_series(0, p_bytes) n(n)
   where octet_length(left(p_name, n.n)) <= p_bytes;
$$;
COMMENT ON FUNCTION ampsync_private.cut_name(p_name text, p_bytes integer) IS 'A name cut to so many bytes, in whole characters.';
CREATE FUNCTION ampsync_private.delete_blocks(p_stream_id bigint, p_first_block bigint, p_last_block bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream  ampsync_private.stream;
  v_deleted bigint;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  v_deleted := ampsync_private.delete_rows(v_stream.target, v_stream.identity, p_first_block, p_last_block + 1);
  delete from ampsync_private.reject r
   where r.stream_id = p_stream_id
     and r.block between p_first_block and p_last_block;
  return v_deleted;
end;
$$;
COMMENT ON FUNCTION ampsync_private.delete_blocks(p_stream_id bigint, p_first_block bigint, p_last_block bigint) IS 'Delete the rows of a range of blocks from a stream''s target; returns their number.';
CREATE FUNCTION ampsync_private.delete_from_block(p_stream_id bigint, p_from_block bigint, p_parent_hash bytea) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream  ampsync_private.stream;
  v_own     bytea;
  v_entry   ampsync_private.history;
  v_first   bigint;
  v_deleted bigint;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  select * into v_entry
    from ampsync_private.history h
   where h.stream_id = p_stream_id
     and p_from_block - 1 between h.first_block and h.last_block;
  v_own := case
    when v_entry.last_block = p_from_block - 1 then v_entry.hash
    when v_entry.last_block is not null and p_parent_hash is not null
      then ampsync_private.own_hash(p_stream_id, p_from_block - 1)
  end;
  if p_from_block is not null and (v_own is null or v_own <> p_parent_hash) then
    raise exception using
      errcode = 'SY101',
      message = format('blocks from %s on cannot be removed: the block before is not proven', p_from_block),
      detail  = format('The server names parent hash %s; this stream holds %s.',
                       coalesce(encode(p_parent_hash, 'hex'), 'none'), coalesce(encode(v_own, 'hex'), 'none')),
      hint    = 'The stream reconnects from an older watermark automatically; select * from ampsync.events;';
  end if;
  v_deleted := ampsync_private.delete_rows(v_stream.target, v_stream.identity, coalesce(p_from_block, 0),
                                           281474976710655); -- 2^48 - 1: see block_prefix.
  delete from ampsync_private.reject r
   where r.stream_id = p_stream_id
     and r.block >= coalesce(p_from_block, 0);
  delete from ampsync_private.history h
   where h.stream_id = p_stream_id
     and h.last_block >= coalesce(p_from_block, 0);
  -- The removal starts inside a microbatch: the rest of that one ends at the parent.
  if v_entry.last_block >= p_from_block and v_entry.first_block < p_from_block then
    insert into ampsync_private.history (stream_id, first_block, last_block, hash, prev_hash)
    values (p_stream_id, v_entry.first_block, p_from_block - 1, v_own, v_entry.prev_hash);
  end if;
  with removed as (
    delete from ampsync_private.ledger l
     where l.stream_id = p_stream_id
       and l.last_block >= coalesce(p_from_block, 0)
    returning l.first_block
  )
  select min(r.first_block) into v_first
    from removed r;
  if v_first < p_from_block then
    insert into ampsync_private.ledger (stream_id, first_block, last_block, row_count, id_xor)
    select p_stream_id, m.first_block, m.last_block, m.row_count, m.id_xor
      from ampsync_private.measure_rows(
             v_stream.target, v_stream.identity, array[v_first], array[p_from_block - 1]) m;
  end if;
  return v_deleted;
end;
$$;
COMMENT ON FUNCTION ampsync_private.delete_from_block(p_stream_id bigint, p_from_block bigint, p_parent_hash bytea) IS 'Delete a stream''s rows from a proven block on, and the history with them; returns the rows deleted.';
CREATE FUNCTION ampsync_private.delete_rows(p_target regclass, p_identity text, p_from bigint, p_below bigint) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET jit TO 'off'
    AS $_$
declare
  v_rows    constant text := ampsync_private.in_blocks(p_identity, '$1', '$2');
  v_deleted bigint;
  v_is_left boolean;
begin
  execute format('delete from %s t where %s', p_target, v_rows)
    using p_from, p_below;
  get diagnostics v_deleted = row_count;
  perform 1
     from pg_class c
    where c.oid = p_target
      and (c.relhastriggers or c.relhasrules or c.relhassubclass);
  if found then
    execute format('select exists (select 1 from %s t where %s)', p_target, v_rows)
       into v_is_left
      using p_from, p_below;
    if v_is_left then
      call ampsync_private.raise_rows_kept(p_target);
    end if;
  end if;
  return v_deleted;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.delete_rows(p_target regclass, p_identity text, p_from bigint, p_below bigint) IS 'Delete a range of blocks from a target; SY201 if rows are left.';
CREATE FUNCTION ampsync_private.dependent_views(p_table regclass, p_changed name[]) RETURNS TABLE(view regclass, level integer, is_direct boolean, is_recreated boolean)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with recursive reads (view, source, level, is_recreated) as (
    select r.ev_class, p_table::oid, 1, bool_or(d.columns && p_changed)
      from ampsync_private.dependents(p_table) d
      join pg_rewrite r on d.class_id = 'pg_rewrite'::regclass and r.oid = d.object_id and r.rulename = '_RETURN'
      join pg_class v on v.oid = r.ev_class and v.relkind = 'v'
     group by r.ev_class
    union
    select r.ev_class, b.view, b.level + 1, b.is_recreated
      from reads b
      join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = b.view
                      and d.classid = 'pg_rewrite'::regclass
      join pg_rewrite r on r.oid = d.objid and r.rulename = '_RETURN' and r.ev_class <> b.view
      join pg_class v on v.oid = r.ev_class and v.relkind = 'v'
  )
  select b.view, max(b.level), bool_or(b.source = p_table), bool_or(b.is_recreated)
    from reads b
   group by b.view;
$$;
COMMENT ON FUNCTION ampsync_private.dependent_views(p_table regclass, p_changed name[]) IS 'The views that read a table, directly or through others, with their levels above it.';
CREATE FUNCTION ampsync_private.dependents(p_relation regclass) RETURNS TABLE(class_id oid, object_id oid, object_sub_id integer, columns name[], by_type boolean)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select d.classid, d.objid, d.objsubid,
         coalesce(array_agg(distinct a.attname) filter (where a.attname is not null), '{}'),
         bool_or(d.refclassid = 'pg_type'::regclass)
    from pg_class c
    left join pg_type t on t.oid = c.reltype
    join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
                     or d.refclassid = 'pg_type'::regclass and d.refobjid in (t.oid, t.typarray)
    left join pg_attribute a on d.refclassid = 'pg_class'::regclass and a.attrelid = c.oid
                            and a.attnum = d.refobjsubid and d.refobjsubid > 0
   where c.oid = p_relation
     and not (d.classid = 'pg_type'::regclass and d.objid in (t.oid, t.typarray))
     and not (d.classid = 'pg_class'::regclass and d.objid = c.oid)
   group by d.classid, d.objid, d.objsubid;
$$;
COMMENT ON FUNCTION ampsync_private.dependents(p_relation regclass) IS 'What depends on a table or view, and through which of its columns.';
CREATE FUNCTION ampsync_private.dependents_query(p_table regclass) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select format('select pg_describe_object(classid, objid, objsubid) from pg_depend where refobjid = %L::regclass;',
                p_table);
$$;
COMMENT ON FUNCTION ampsync_private.dependents_query(p_table regclass) IS 'The query that shows what depends on a table.';
CREATE FUNCTION ampsync_private.describe_backends(p_pids integer[]) RETURNS text
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select string_agg(format('Backend %s of role %s%s%s.', a.pid, a.usename,
                           ' (' || nullif(a.application_name, '') || ')', ', since ' || a.xact_start),
                    E'\n' order by a.pid)
         || format(E'\nWhat it runs: select pid, query from pg_stat_activity where pid in (%s);',
                   string_agg(a.pid::text, ', ' order by a.pid))
    from pg_stat_activity a
   where a.pid = any (p_pids);
$$;
COMMENT ON FUNCTION ampsync_private.describe_backends(p_pids integer[]) IS 'Backends by process id, role and application, and the query that shows what they run.';
CREATE FUNCTION ampsync_private.describe_sessions(p_pids integer[]) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select string_agg(case when s.pid = 0 then 'a prepared transaction'
                         else format('session %s (%s)', s.pid, concat_ws(', ', nullif(a.application_name, ''),
                                a.usename, a.state, nullif(a.backend_type, 'client backend'))) end,
                    ', ' order by s.pid)
    from (select distinct p.pid from unnest(p_pids) p(pid)) s
    left join pg_stat_activity a using (pid);
$$;
COMMENT ON FUNCTION ampsync_private.describe_sessions(p_pids integer[]) IS 'Sessions by process id, application, role and state, as a text.';
CREATE FUNCTION ampsync_private.diagnose(p_part text) RETURNS TABLE(severity text, subject text, finding text, fix text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '1s'
    AS $$
begin
  case p_part
    when 'workers' then
      return query select * from ampsync_private.diagnose_workers() union all
                   select * from ampsync_private.diagnose_roles();
    when 'syncs' then
      return query select * from ampsync_private.diagnose_syncs() union all
                   select * from ampsync_private.diagnose_progress();
    when 'indexes' then
      return query select * from ampsync_private.diagnose_indexes();
    when 'vacuum' then
      return query select * from ampsync_private.diagnose_vacuum();
    when 'server' then
      return query
      select d.*
        from ampsync_private.diagnose_server(
               (select jsonb_object_agg(g.name, g.setting) from pg_settings g)
               || jsonb_build_object(
                    'compression_methods', (select to_jsonb(g.enumvals) from pg_settings g
                                             where g.name = 'default_toast_compression'),
                    'standbys', (select count(*) from pg_stat_replication),
                    'database', current_database(),
                    'read_only_by', (select g.source from pg_settings g
                                      where g.name = 'default_transaction_read_only'),
                    'is_standby', pg_is_in_recovery())) d;
  end case;
exception
when lock_not_available then
  return query
  select 'warning', 'doctor', format('its look at the %s waited for a lock for 1 s, and was given up', p_part),
         'select * from pg_stat_activity where pid in (select k.pid from pg_locks k join ampsync.streams s '
         'on to_regclass(s.target) = k.relation where k.granted and k.mode = ''AccessExclusiveLock'');';
when others then
  return query
  select 'error', 'doctor', format('its look at the %s failed: %s (%s)', p_part, sqlerrm, sqlstate),
         'select * from ampsync.doctor(); -- if it stays: npx ampsync migrate';
end;
$$;
COMMENT ON FUNCTION ampsync_private.diagnose(p_part text) IS 'One part of ampsync.doctor; a failure of it is a finding.';
CREATE FUNCTION ampsync_private.diagnose_indexes() RETURNS TABLE(severity text, subject text, finding text, fix text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with stream as (
    select s.stream_id, d.label, s.table_name, d.label || '.' || s.table_name as subject, s.target, s.reached_head_at
      from ampsync_private.stream s
      join ampsync_private.dataset d using (dataset_id)
     where s.shadow_of is null
  )
  select 'warning', format('%s.%s', i.dataset, i.table_name),
         format('an index that it shall have is %s since %s%s: %s', i.state,
                date_trunc('second', greatest(i.since, s.reached_head_at)),
                coalesce(', behind ' || ampsync_private.describe_sessions(i.waits_for), ', ' || i.error),
                i.definition),
         ampsync_private.fix_of(i.hint, 'select * from ampsync.indexes;')
    from ampsync.indexes i
    left join stream s on (s.label, s.table_name) = (i.dataset, i.table_name)
   where i.state = 'failed'
      or (i.state = 'waiting' and ampsync_private.indexes_are_due(s.stream_id) or i.waits_for is not null)
         and greatest(i.since, s.reached_head_at) < ampsync_private.now() - interval '15 min'
   union all
  select 'warning', s.subject,
         format('its index %s is invalid: every insert pays for it, and no query uses it', c.oid::regclass),
         format('drop index concurrently %s;', c.oid::regclass)
    from stream s
    join pg_index x on x.indrelid = s.target and not x.indisvalid
    join pg_class c on c.oid = x.indexrelid
   where not exists (select from pg_stat_progress_create_index b where b.index_relid = c.oid)
     and not exists (select 1
                       from ampsync_private.target_index t
                      where t.stream_id = s.stream_id and t.index_name = c.relname and t.state <> 'failed'
                        and ampsync_private.indexes_are_due(s.stream_id));
$$;
COMMENT ON FUNCTION ampsync_private.diagnose_indexes() IS 'Findings about indexes of targets: failed, missing for long, invalid.';
CREATE FUNCTION ampsync_private.diagnose_progress() RETURNS TABLE(severity text, subject text, finding text, fix text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with stuck as (
    select r.dataset, r.table_name, r.reason, m.stream_id,
           case when r.table_name is null then array[d.error ->> 'message', d.error ->> 'detail']
                else array[v.reason, v.detail] end as known,
           case when r.table_name is null then d.error ->> 'hint' else v.hint end as hint
      from ampsync.readiness r
      join ampsync_private.dataset d on d.label = r.dataset
      left join ampsync.streams v using (stream_id)
      left join ampsync_private.stream s using (stream_id)
      left join ampsync_private.stream w
             on w.shadow_of = s.stream_id and w.state <> 'former' and s.state = 'resyncing'
      left join ampsync_private.stream m on m.stream_id = coalesce(w.stream_id, s.stream_id) -- The stream that moves.
     where not r.ready and r.reason <> 'it has failed' and coalesce(m.deaths < 3, true)
       and not exists (select 1 from ampsync.status u where u.unattended)
  )
  select 'error', concat_ws('.', k.dataset, k.table_name),
         concat_ws(': ', k.reason, k.known[1], k.known[2]),
         case
           when k.hint is not null
             then ampsync_private.fix_of(k.hint, format('select * from ampsync.%s where dataset = %L;',
                    case when k.table_name is null then 'status' else 'streams' end, k.dataset))
           when w.pid is null then 'select * from ampsync.jobs;'
           else format('select pid, pg_blocking_pids(pid), query from pg_stat_activity'
                       ' where datname = current_database() and application_name like %L and wait_event_type = %L;'
                       ' -- no row: kill -TERM %s # on %s; then start that worker again',
                       'ampsync%', 'Lock', w.pid, w.host)
         end
    from stuck k
    left join ampsync_private.lease l using (stream_id)
    left join ampsync.workers w on w.worker = l.holder and w.state = 'alive';
$$;
COMMENT ON FUNCTION ampsync_private.diagnose_progress() IS 'Findings about tables and datasets that are not ready, each with what keeps it from moving.';
CREATE FUNCTION ampsync_private.diagnose_roles() RETURNS TABLE(severity text, subject text, finding text, fix text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select 'error', format('role %I', current_user),
         format('functions of ampsync run as it, and it has not the rights of %I, which owns %s tables of datasets',
                r.rolname, count(*)),
         format('grant %I to %I;', r.rolname, current_user)
    from ampsync_private.stream s
    join pg_class c on c.oid = s.target
    join pg_roles r on r.oid = c.relowner
   where ampsync_private.is_shared_writer(r.oid)
     and not pg_has_role(r.oid, 'usage')
   group by r.rolname
   union all
  select 'warning', format('role %I', current_user),
         format('functions of ampsync run as it, and it may not end sessions of workers of role %I, should one freeze',
                r.rolname),
         format('grant pg_signal_backend to %I;', current_user)
    from (select distinct a.usesysid from pg_stat_activity a where a.datname = current_database()) a
    join pg_roles r on r.oid = a.usesysid
    join pg_roles w on ampsync_private.is_shared_writer(w.oid)
   where not r.rolsuper
     and pg_has_role(r.oid, w.oid, 'usage')
     and not pg_has_role(r.oid, 'usage')
     and not pg_has_role('pg_signal_backend', 'usage');
$$;
COMMENT ON FUNCTION ampsync_private.diagnose_roles() IS 'Findings about what the owner of ampsync may not do with tables and sessions of workers.';
CREATE FUNCTION ampsync_private.diagnose_server(p_server jsonb) RETURNS TABLE(severity text, subject text, finding text, fix text)
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select f.severity, f.subject, f.finding, f.fix
    from (values
      (p_server ->> 'default_transaction_read_only' = 'on'
         and p_server ->> 'read_only_by' in ('database', 'configuration file', 'command line'),
       'error', 'default_transaction_read_only', 'it is on for everybody: workers can write nothing, and so look dead',
       case when p_server ->> 'read_only_by' = 'database'
            then format('alter database %I reset default_transaction_read_only;', p_server ->> 'database')
            else 'alter system set default_transaction_read_only = off; select pg_reload_conf();' end
       || ' -- if it was set because the disk is full: once there is room. Then, for sessions that have it: '
          'select pg_terminate_backend(pid) from pg_stat_activity where application_name like ''ampsync%'';'),
      (p_server ->> 'autovacuum' = 'off',
       'warning', 'autovacuum', 'it is off: rows that ampsync updates and replaces are never cleaned up',
       'alter system set autovacuum = on; select pg_reload_conf();'),
      (p_server ->> 'track_counts' = 'off',
       'warning', 'track_counts', 'it is off, and autovacuum with it',
       'alter system set track_counts = on; select pg_reload_conf();'),
      ((p_server ->> 'max_wal_size')::bigint < 4096,
       'info', 'max_wal_size',
       format('it is %s MB: a backfill forces a checkpoint every few seconds', p_server ->> 'max_wal_size'),
       'alter system set max_wal_size = ''4GB''; select pg_reload_conf();'),
      (not p_server -> 'compression_methods' ? 'lz4',
       'info', 'lz4', 'the server was built without it, so long values are stored uncompressed',
       'Use a server that has it, as the official images and the packages of Debian do: docs/adr/0011-long-values.md'),
      (p_server ->> 'wal_level' = 'minimal',
       'info', 'wal_level', 'it is minimal: no standby and no physical backup is possible',
       'alter system set wal_level = ''replica''; -- then restart the server'),
      (p_server ->> 'max_wal_senders' = '0',
       'info', 'max_wal_senders', 'it is 0: no standby can connect',
       'alter system set max_wal_senders = 10; -- then restart the server'),
      ((p_server ->> 'is_standby')::boolean and p_server ->> 'hot_standby_feedback' = 'off',
       'warning', 'hot_standby_feedback',
       'it is off on this standby: replay stops while wait_for_block, verify or a long query runs, which may be ended '
       'for that',
       'alter system set hot_standby_feedback = on; select pg_reload_conf();'),
      (p_server ->> 'synchronous_standby_names' <> '' and p_server ->> 'standbys' = '0'
         and p_server ->> 'synchronous_commit' not in ('off', 'local'),
       'error', 'synchronous_standby_names',
       format('commits wait for the standby %s, and none is connected', p_server ->> 'synchronous_standby_names'),
       'alter system set synchronous_standby_names = ''''; select pg_reload_conf(); -- or start the standby')
    ) f (applies, severity, subject, finding, fix)
   where f.applies;
$$;
COMMENT ON FUNCTION ampsync_private.diagnose_server(p_server jsonb) IS 'Findings about the settings of the server, given as a document.';
CREATE FUNCTION ampsync_private.diagnose_syncs() RETURNS TABLE(severity text, subject text, finding text, fix text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with stream as (
    select s.stream_id, d.label, d.label || '.' || s.table_name as subject, s.table_name, s.shadow_of, s.state,
           s.deaths, s.has_block_num and s.query is null as is_repairable, s.error,
           s.query is distinct from d.queries ->> s.table_name as keeps_query
      from ampsync_private.stream s
      join ampsync_private.dataset d using (dataset_id)
  )
  select 'warning', d.label,
         format('it has been waited for since %s: %s', date_trunc('second', d.since),
                coalesce(d.error ->> 'message', 'no worker has looked for it yet')),
         ampsync_private.fix_of('or publish it on the Amp server', format('select ampsync.pause_sync(%L);', d.label))
    from ampsync_private.dataset d
   where d.state = 'waiting' and d.since < ampsync_private.now() - interval '1 h'
     and coalesce(d.error ->> 'code' = 'SY103', true) -- The others are not ready: diagnose_progress.
   union all
  select 'error', d.label,
         concat_ws(': ', 'it failed', d.error ->> 'message', d.error ->> 'detail'),
         ampsync_private.fix_of(d.error ->> 'hint', format('select ampsync.resume_sync(%L);', d.label))
    from ampsync_private.dataset d
   where d.state = 'failed'
   union all
  select 'error', s.subject,
         concat_ws(': ', case when s.shadow_of is null then 'it failed' else 'its resync failed' end,
                   s.error ->> 'message', s.error ->> 'detail'),
         ampsync_private.fix_of(s.error ->> 'hint', format('select ampsync.resume_sync(%L);', s.label))
    from stream s
   where s.state = 'failed'
   union all
  select 'error', d.label,
         concat_ws(': ', 'its upgrade to version ' || coalesce(u.version, u.manifest_hash) || ' cannot end',
                   u.error ->> 'message', u.error ->> 'detail'),
         ampsync_private.fix_of(u.error ->> 'hint', format('select ampsync.cancel_resync(%L);', d.label))
    from ampsync_private.upgrade u
    join ampsync_private.dataset d using (dataset_id)
   where u.attempts >= 3
   union all
  select 'error', s.subject,
         format('%s workers in a row died while they held data of it', s.deaths),
         format('select ampsync.resume_sync(%L); -- once the cause is gone: did they run out of memory?', s.label)
    from stream s
   where s.deaths >= 3 and s.state <> 'paused'
   union all
  select 'warning', s.subject,
         'its rows come from an earlier query than the one that is stored',
         format('select ampsync.resync(%L, %L);', s.label, s.table_name)
    from stream s
   where s.keeps_query and s.shadow_of is null and s.state <> 'resyncing'
   union all
  select 'warning', s.subject,
         format('%s rows are in ampsync.rejects instead of the table: blocks %s to %s', r.rows, r.first, r.last),
         format('select block, column_name, reason from ampsync.rejects where dataset = %L and table_name = %L;',
                s.label, s.table_name)
         || case when s.is_repairable
                 then format(' -- once the cause is gone: select ampsync.repair(%L, %L, %s, %s);',
                             s.label, s.table_name, r.first, r.last) else '' end
    from (select j.stream_id, count(*) as rows, min(j.block) as first, max(j.block) as last
            from ampsync_private.reject j group by j.stream_id) r
    join stream s using (stream_id)
   where s.shadow_of is null
   union all
  select 'warning', format('%s.%s', p.dataset, p.table_name),
         format('the repair of blocks %s to %s has not succeeded since %s: %s',
                p.from_block, p.to_block, date_trunc('second', p.requested_at), p.reason),
         ampsync_private.fix_of(p.hint, format('select ampsync.cancel_repair(%L, %L);', p.dataset, p.table_name))
    from ampsync.repairs p
   where p.error_code is not null and p.requested_at < ampsync_private.now() - interval '1 h';
$$;
COMMENT ON FUNCTION ampsync_private.diagnose_syncs() IS 'Findings about datasets and tables: unpublished, failed, suspected, rejected rows, old failed repairs.';
CREATE FUNCTION ampsync_private.diagnose_vacuum() RETURNS TABLE(severity text, subject text, finding text, fix text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select 'warning', format('session %s', a.pid),
         format('its transaction (role %s, %s) has been idle since %s, and vacuum keeps all that it could see',
                a.usename, a.application_name, date_trunc('second', a.state_change)),
         format('select pg_terminate_backend(%s);', a.pid)
    from pg_stat_activity a
   where a.datname = current_database()
     and a.state like 'idle in transaction%'
     and a.state_change < ampsync_private.now() - interval '5 min'
     and (a.backend_xmin is not null or a.backend_xid is not null)
     and a.pid <> pg_backend_pid()
   union all
  select 'warning', format('table %I.%I', n.nspname, c.relname),
         'autovacuum is switched off for it',
         format('alter table %I.%I reset (autovacuum_enabled);', n.nspname, c.relname)
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   cross join lateral pg_options_to_table(c.reloptions) o
   where (c.oid in (select s.target from ampsync_private.stream s)
          or n.nspname = 'ampsync_private' and c.relkind = 'r')
     and o.option_name = 'autovacuum_enabled' and not o.option_value::boolean;
$$;
COMMENT ON FUNCTION ampsync_private.diagnose_vacuum() IS 'Findings about vacuum: idle transactions, tables without autovacuum.';
CREATE FUNCTION ampsync_private.diagnose_workers() RETURNS TABLE(severity text, subject text, finding text, fix text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  with worker as (
    select w.worker as worker_id, w.host, w.pid, w.version, w.slots, string_to_array(w.version, '.') as numbers
      from ampsync.workers w
     where w.state = 'alive'
  ),
  alive as (
    select count(*) as workers, sum(w.slots) as slots, bool_and(w.slots is not null) as known from worker w
  ),
  work as (
    select (select count(*) from ampsync_private.stream s where not ampsync_private.is_halted(s.state)) as streams,
           (select count(*) from ampsync_private.dataset d where d.state = 'waiting') as datasets
  ),
  schema as (
    select s.version, string_to_array(s.version, '.') as numbers
      from ampsync_private.source s
     where s.name = 'functions'
  )
  select 'error', 'workers',
         format('no worker is alive, and %s tables and %s datasets wait for one', k.streams, k.datasets),
         'npx ampsync worker'
    from work k
   where exists (select 1 from ampsync.status s where s.unattended)
   union all
  select 'warning', 'workers',
         format('%s tables share the %s slots of %s workers, so they take turns', k.streams, a.slots, a.workers),
         'npx ampsync worker # one more'
    from alive a, work k
   where a.known and k.streams > a.slots
   union all
  select 'warning', format('worker %s', w.worker_id),
         format('it runs ampsync %s, newer than %s of the schema', w.version, h.version),
         'npx ampsync migrate # where that version is installed'
    from worker w, schema h
   where w.version ~ '^[0-9]{1,9}([.][0-9]{1,9}){2}$' and h.version ~ '^[0-9]{1,9}([.][0-9]{1,9}){2}$'
     and w.numbers::integer[] > h.numbers::integer[]
   union all
  select 'warning', format('worker %s', w.worker_id),
         format('it runs ampsync %s on %s, older than %s of the schema', w.version, w.host, h.version),
         format('kill -TERM %s # on its host; then start one of version %s there', w.pid, h.version)
    from worker w, schema h
   where w.version ~ '^[0-9]{1,9}([.][0-9]{1,9}){2}$' and h.version ~ '^[0-9]{1,9}([.][0-9]{1,9}){2}$'
     and w.numbers::integer[] < h.numbers::integer[];
$_$;
COMMENT ON FUNCTION ampsync_private.diagnose_workers() IS 'Findings about workers: none, too few slots, another version.';
CREATE FUNCTION ampsync_private.drop_former(p_stream_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_former ampsync_private.stream;
begin
  select * into v_former
    from ampsync_private.stream s
   where s.shadow_of = p_stream_id
     and s.state = 'former';
  if exists (select 1 from pg_class c where c.oid = v_former.target) then
    call ampsync_private.check_may_drop(v_former.target);
    execute format('drop table %s', v_former.target);
  end if;
  delete from ampsync_private.stream s
   where s.stream_id = v_former.stream_id;
end;
$$;
COMMENT ON FUNCTION ampsync_private.drop_former(p_stream_id bigint) IS 'Drop the former table of a stream, if there is one.';
CREATE FUNCTION ampsync_private.drop_shadow(p_stream_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_shadow ampsync_private.stream;
begin
  select * into v_shadow
    from ampsync_private.stream s
   where s.shadow_of = p_stream_id
     and s.state <> 'former';
  if exists (select 1 from pg_class c where c.oid = v_shadow.target) then
    perform ampsync_private.end_swaps(v_shadow.dataset_id, v_shadow.target);
    call ampsync_private.check_may_drop(v_shadow.target);
    execute format('drop table %s', v_shadow.target);
  end if;
  delete from ampsync_private.stream s
   where s.stream_id = v_shadow.stream_id;
end;
$$;
COMMENT ON FUNCTION ampsync_private.drop_shadow(p_stream_id bigint) IS 'Drop the shadow of a stream under resync, if there is one.';
CREATE FUNCTION ampsync_private.drop_stale_indexes(p_old regclass, p_new regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stale record;
begin
  for v_stale in
    select p.new_index, k.conname
      from ampsync_private.index_pairs(p_old, p_new) p
      join pg_index i on i.indexrelid = p.new_index
      left join pg_constraint k on k.conindid = p.new_index and k.conrelid = p_new and k.contype in ('u', 'x')
     where p.old_index is null
       and not i.indisprimary
       and (i.indisunique or k.oid is not null)
       and not exists (select 1
                         from ampsync_private.column_fate(p_new, ampsync_private.table_columns(p_old)) f
                        where f.gone and f.name = any (ampsync_private.index_columns(p.new_index)))
  loop
    if v_stale.conname is null then
      execute format('drop index %s', v_stale.new_index);
    else
      execute format('alter table %s drop constraint %I', p_new, v_stale.conname);
    end if;
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_private.drop_stale_indexes(p_old regclass, p_new regclass) IS 'Drop from a new table the unique indexes that the old one could have and has not.';
CREATE FUNCTION ampsync_private.drop_statement(p_class_id oid, p_object_id oid, p_sub_id integer) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select case
           when i.type = 'default value' then
             (select format('alter table %s alter column %I drop default;', a.attrelid::regclass, a.attname)
                from pg_attrdef d
                join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
               where d.oid = p_object_id)
           when i.type in ('view column', 'materialized view column') then
             format('drop %s %s;', replace(i.type, ' column', ''), p_object_id::regclass)
           when i.type = 'table column' then
             (select format('alter table %s drop column %I;', a.attrelid::regclass, a.attname)
                from pg_attribute a
               where a.attrelid = p_object_id and a.attnum = p_sub_id)
           when i.type = 'table constraint' then
             (select format('alter table %s drop constraint %I;', k.conrelid::regclass, k.conname)
                from pg_constraint k
               where k.oid = p_object_id)
           when i.type = 'publication relation' then
             (select format('alter publication %I drop table %s;', p.pubname, r.prrelid::regclass)
                from pg_publication_rel r
                join pg_publication p on p.oid = r.prpubid
               where r.oid = p_object_id)
           when i.type = 'statistics object' then format('drop statistics %s;', i.identity)
           when i.type in ('aggregate', 'domain', 'function', 'index', 'materialized view', 'policy', 'procedure',
                           'rule', 'sequence', 'table', 'trigger', 'type', 'view') then
             format('drop %s %s;', i.type, i.identity)
         end
    from pg_identify_object(p_class_id, p_object_id, p_sub_id) i;
$$;
COMMENT ON FUNCTION ampsync_private.drop_statement(p_class_id oid, p_object_id oid, p_sub_id integer) IS 'The statement that removes an object which depends on a table.';
CREATE FUNCTION ampsync_private.earlier_ampsync(p_schema text, p_table text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with attribute as (
    select n.nspname, c.relname, a.attname, a.atttypid::regtype as type, a.attnum = any (i.indkey) as is_key
      from pg_namespace n
      join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p')
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_index i on i.indrelid = c.oid and i.indisprimary
     where n.nspname in (p_schema, 'public')
       and c.relname in (p_table, '_ampsync_checkpoints', 'amp_client_state', 'amp_client_buffer_entries')
  ), target as (
    select array_agg(a.attname || ' ' || a.type) as columns,
           array_agg(a.attname::text order by a.attname) filter (where a.is_key) as key
      from attribute a
     where a.nspname = p_schema
       and a.relname = p_table
  )
  select case
           when starts_with(obj_description(o.oid, 'pg_class'), 'Was kept in sync by ampsync')
                or exists (select 1 from ampsync_private.stream s where s.target = o.oid)
             then null
           when t.columns @> '{_id bytea,_block_num_start bigint,_block_num_end bigint}'
                and exists (select 1 from attribute a
                             where (a.nspname, a.relname) = (p_schema, '_ampsync_checkpoints')
                               and (a.attname, a.type) = ('table_name', 'text'::regtype))
                and exists (select 1 from attribute a
                             where (a.nspname, a.relname) = (p_schema, '_ampsync_checkpoints')
                               and a.attname ~ 'block'
                               and a.type in ('bigint'::regtype, 'integer'::regtype, 'numeric'::regtype))
             then format('it keeps its checkpoints in the table %I._ampsync_checkpoints', p_schema)
           when t.columns @> '{_tx_id bigint,_row_index integer}' and t.key = '{_row_index,_tx_id}'
                and exists (select 1 from attribute a
                             where (a.relname, a.attname) = ('amp_client_state', 'next_transaction_id'))
                and exists (select 1 from attribute a
                             where (a.relname, a.attname) = ('amp_client_buffer_entries', 'block_ranges'))
             then 'it keeps its state in the tables amp_client_state and amp_client_buffer_entries'
         end
    from target t
   cross join to_regclass(format('%I.%I', p_schema, p_table)) o(oid);
$$;
COMMENT ON FUNCTION ampsync_private.earlier_ampsync(p_schema text, p_table text) IS 'What shows that a table was made by the Rust ampsync; null for any other table.';
CREATE FUNCTION ampsync_private.end_index_builds(p_tables oid[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pg_terminate_backend(b.pid, 5000)
     from (select ampsync_private.index_builder() as pid) b
    where exists (select 1
                    from pg_locks l
                   where l.pid = b.pid and l.locktype = 'relation' and l.relation = any (p_tables)
                     and l.database = (select d.oid from pg_database d where d.datname = current_database()));
exception when insufficient_privilege then
  null;
end;
$$;
COMMENT ON FUNCTION ampsync_private.end_index_builds(p_tables oid[]) IS 'End the build of an index on one of these tables, before they are locked.';
CREATE FUNCTION ampsync_private.end_swaps(p_dataset_id bigint, p_table regclass DEFAULT NULL::regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform pg_terminate_backend(h.pid)
     from ampsync_private.lock_holders(ampsync_private.swap_key(p_dataset_id)) h
    where h.mode = 'ShareLock' and h.is_ours and h.is_mortal
      and h.pid <> pg_backend_pid()
      and (p_table is null
           or exists (select from pg_locks l
                       where l.pid = h.pid and l.locktype = 'relation' and l.relation = p_table
                         and l.database = (select d.oid from pg_database d where d.datname = current_database())));
end;
$$;
COMMENT ON FUNCTION ampsync_private.end_swaps(p_dataset_id bigint, p_table regclass) IS 'End whoever works for a swap of a dataset.';
CREATE FUNCTION ampsync_private.end_writers(p_stream_id bigint, p_epoch bigint) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_pid   integer;
  v_ended integer := 0;
begin
  for v_pid in
    select f.pid
      from ampsync_private.fence_holders(p_stream_id, p_epoch) f
     where f.mode = 'ShareLock' and f.is_ours and f.is_mortal
       and f.pid <> pg_backend_pid()
  loop
    perform pg_terminate_backend(v_pid);
    v_ended := v_ended + 1;
  end loop;
  perform pg_advisory_xact_lock(ampsync_private.fence_key(p_stream_id, p_epoch));
  return v_ended;
exception
  when lock_not_available then
    perform ampsync_private.raise_stranger(p_stream_id, p_epoch);
    perform ampsync_private.raise_immortal(p_stream_id, p_epoch);
    raise exception using
      errcode = '55P03',
      message = (select format('another transaction is deciding about %I.%I', s.target_schema, s.target_table)
                   from ampsync_private.stream s where s.stream_id = p_stream_id),
      detail  = ampsync_private.describe_backends(array(
                  select f.pid from ampsync_private.fence_holders(p_stream_id, p_epoch) f)),
      hint    = format('Nothing was changed. Try again once that transaction is over. If it is the swap of a table, '
                       'which may take minutes, this ends it: select ampsync.pause_sync(%L);',
                       ampsync_private.stream_label(p_stream_id));
end;
$$;
COMMENT ON FUNCTION ampsync_private.end_writers(p_stream_id bigint, p_epoch bigint) IS 'End the writers under an epoch of a stream, and wait until they are gone.';
CREATE PROCEDURE ampsync_private.enter_fence(IN p_stream_id bigint, IN p_epoch bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if not pg_try_advisory_xact_lock_shared(ampsync_private.fence_key(p_stream_id, p_epoch)) then
    perform ampsync_private.raise_stranger(p_stream_id, p_epoch);
    call ampsync_private.raise_lease_lost(p_stream_id, p_epoch);
  end if;
  perform 1
     from ampsync_private.lease l
    where l.stream_id = p_stream_id
      and l.epoch = p_epoch
      and l.lease_until > ampsync_private.now();
  if not found then
    call ampsync_private.raise_lease_lost(p_stream_id, p_epoch);
  end if;
end;
$$;
COMMENT ON PROCEDURE ampsync_private.enter_fence(IN p_stream_id bigint, IN p_epoch bigint) IS 'Take the fence of a lease epoch; SY001 unless the lease is current, 55P03 if a stranger holds it.';
CREATE FUNCTION ampsync_private.enter_swap(p_dataset_id bigint) RETURNS boolean
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select pg_try_advisory_xact_lock_shared(ampsync_private.swap_key(p_dataset_id));
$$;
COMMENT ON FUNCTION ampsync_private.enter_swap(p_dataset_id bigint) IS 'Declare that this transaction works for a swap of a dataset; false while a user decides about it.';
CREATE FUNCTION ampsync_private.evolution_refusal(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb, p_network text DEFAULT NULL::text) RETURNS TABLE(fault text, remedy text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with refused as (
    select e.refusal, e.remedy, e.ordinality as n,
           e.column_name || case when e.old_type <> e.new_type
                                 then format(' %s -> %s', e.old_type, e.new_type) else '' end as what
      from ampsync_private.plan_evolution(p_stream_id, p_has_block_num, p_columns, p_network)
           with ordinality e(action, column_name, old_type, new_type, ddl, refusal, remedy)
     where e.action = 'refuse'
  ),
  reason as (
    select min(r.n) as n, concat_ws(': ', r.refusal, string_agg(r.what, ', ' order by r.n)) as text
      from refused r
     group by r.refusal
  )
  select (select string_agg(r.text, '; ' order by r.n) from reason r),
         (select case when bool_and(r.remedy is not null) then string_agg(r.remedy, '' order by r.n) end
            from refused r);
$$;
COMMENT ON FUNCTION ampsync_private.evolution_refusal(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb, p_network text) IS 'Why a stream''s target cannot be made to fit the planned columns, and the statements that cure it.';
CREATE FUNCTION ampsync_private.evolve_target(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb, p_attempt integer) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_waits jsonb;
begin
  if not exists (select 1 from ampsync_private.plan_evolution(p_stream_id, p_has_block_num, p_columns)) then
    return null; -- As nearly always: each pass asks.
  end if;
  perform ampsync_private.check_evolution(p_stream_id, p_has_block_num, p_columns);
  select ampsync_private.lock_for_change(array_agg(s.target), p_attempt) into v_waits
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     and exists (select 1
                   from ampsync_private.plan_evolution(p_stream_id, p_has_block_num, p_columns) e
                  where e.ddl is not null);
  if v_waits is null then
    perform ampsync_private.apply_evolution(p_stream_id, p_has_block_num, p_columns);
  end if;
  return v_waits;
end;
$$;
COMMENT ON FUNCTION ampsync_private.evolve_target(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb, p_attempt integer) IS 'Make a stream''s target fit the planned columns; returns what holds its table, SY201 if it cannot fit.';
CREATE FUNCTION ampsync_private.exchange_names(p_old regclass, p_new regclass, p_keep_schema text, p_keep_name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_schema text;
  v_name   text;
  v_names  jsonb; -- Every index with its present name, and the name that it takes.
  v_index  record;
begin
  select n.nspname, c.relname into strict v_schema, v_name
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.oid = p_old;
  select jsonb_agg(jsonb_build_object('oid', i.indexrelid::oid, 'name', coalesce(o.relname, x.relname),
                                      'paired', o.relname is not null) order by o.relname is null, x.relname)
    into v_names
    from pg_index i
    join pg_class x on x.oid = i.indexrelid
    left join ampsync_private.index_pairs(p_old, p_new) p on p.new_index = i.indexrelid
    left join pg_class o on o.oid = p.old_index
   where i.indrelid in (p_old, p_new);
  for v_index in
    select n.oid, n.oid::regclass as index, 'ampsync_index_' || n.oid as aside
      from jsonb_to_recordset(v_names) n(oid oid)
      join pg_class x on x.oid = n.oid
     where x.relname <> 'ampsync_index_' || n.oid
  loop
    execute format('alter index %s rename to %I', v_index.index, v_index.aside);
  end loop;
  execute format('alter table %s rename to %I', p_old, 'ampsync_table_' || p_old::oid);
  execute format('alter table %s rename to %I', p_new, 'ampsync_table_' || p_new::oid);
  execute format('alter table %s set schema %I', p_new, v_schema);
  execute format('alter table %s rename to %I', p_new, v_name);
  execute format('alter table %s set schema %I', p_old, p_keep_schema);
  execute format('alter table %s rename to %I', p_old, p_keep_name);
  for v_index in
    select n.oid::regclass as index, n.name, s.nspname as schema
      from jsonb_to_recordset(v_names) n(oid oid, name text, paired boolean)
      join pg_class x on x.oid = n.oid
      join pg_namespace s on s.oid = x.relnamespace
     order by n.paired desc
  loop
    if to_regclass(format('%I.%I', v_index.schema, v_index.name)) is null then
      execute format('alter index %s rename to %I', v_index.index, v_index.name);
    end if;
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_private.exchange_names(p_old regclass, p_new regclass, p_keep_schema text, p_keep_name text) IS 'Give a new table the name of the old one, and its indexes the names of its indexes.';
CREATE FUNCTION ampsync_private.exchange_streams(p_stream_ids bigint[], p_former boolean, p_keep boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_pair     record;
  v_live     ampsync_private.stream;
  v_source   ampsync_private.stream;
  v_count    record;
  v_counts   jsonb := '{}';
  v_replaced bigint[] := '{}';
  v_targets  regclass[] := '{}';
  v_others   regclass[] := '{}';
  v_kept     regclass;
  v_name     text;
begin
  for v_pair in
    select s.stream_id, w.stream_id as source_id
      from ampsync_private.stream s
      join ampsync_private.stream w on w.shadow_of = s.stream_id and (w.state = 'former') = p_former
     where s.stream_id = any (p_stream_ids)
     order by s.target
  loop
    select * into strict v_live from ampsync_private.stream s where s.stream_id = v_pair.stream_id;
    select * into strict v_source from ampsync_private.stream s where s.stream_id = v_pair.source_id;
    if not exists (select 1 from pg_class c where c.oid = v_live.target) then
      call ampsync_private.raise_target_moved(v_live.stream_id);
    elsif not exists (select 1 from pg_class c where c.oid = v_source.target) then
      call ampsync_private.raise_target_moved(v_source.stream_id);
    end if;
    if not ampsync_private.has_columns(v_live, v_source.has_block_num, v_source.columns) then
      perform ampsync_private.check_swappable(v_live.stream_id, v_source.has_block_num, v_source.columns);
      v_replaced := v_replaced || v_pair.stream_id;
      perform ampsync_private.copy_indexes(v_live.target, v_source.target); -- Before readers have to wait.
      v_targets := v_targets || v_live.target;
      v_others := v_others || v_source.target;
      continue;
    end if;
    call ampsync_private.lock_target(v_live.stream_id);
    perform ampsync_private.lock_tables('{}', array[v_source.target]);
    if p_keep then
      perform ampsync_private.allow_nulls(v_source.target, v_live.target);
    end if;
    select * into v_count
      from ampsync_private.merge_rows(v_live.target, v_source.target, ampsync_private.own_columns(v_live), p_keep);
    v_counts := v_counts || jsonb_build_object(v_live.stream_id, jsonb_build_object(
                  'rows_deleted', v_count.deleted, 'rows_inserted', v_count.inserted));
  end loop;
  perform ampsync_private.lock_tables(v_targets, v_others);
  for v_pair in
    select s.stream_id, w.stream_id as source_id
      from ampsync_private.stream s
      join ampsync_private.stream w on w.shadow_of = s.stream_id and (w.state = 'former') = p_former
     where s.stream_id = any (p_stream_ids)
     order by s.target
  loop
    select * into strict v_live from ampsync_private.stream s where s.stream_id = v_pair.stream_id;
    select * into strict v_source from ampsync_private.stream s where s.stream_id = v_pair.source_id;
    v_name := case when p_keep then 'former_' else 'replaced_' end || v_live.stream_id;
    if v_live.stream_id = any (v_replaced) then
      perform ampsync_private.check_target(v_live); -- Its name may have changed until it was locked.
      v_kept := v_live.target;
      perform ampsync_private.replace_target(v_live.target, v_source.target, 'ampsync_private', v_name);
    else
      v_kept := v_source.target;
      if p_keep then
        execute format('alter table %s rename to %I', v_kept, v_name);
      end if;
    end if;
    if p_keep then
      perform ampsync_private.keep_former(v_live.stream_id, v_kept);
    else
      execute format('drop table %s', v_kept);
    end if;
    perform ampsync_private.take_over_stream(
              v_live.stream_id, v_source.stream_id,
              case when v_live.stream_id = any (v_replaced) then v_source.target else v_live.target end);
    delete from ampsync_private.stream s where s.stream_id = v_source.stream_id;
    perform ampsync_private.journal(v_live.stream_id, case when p_former then 'rolled_back' else 'resynced' end,
      jsonb_build_object('old_block', v_live.checkpoint_block, 'block', v_source.checkpoint_block,
                         'rows', v_source.row_total)
      || coalesce(v_counts -> v_live.stream_id::text, '{"replaced": true}'));
    select * into strict v_live from ampsync_private.stream s where s.stream_id = v_pair.stream_id;
    call ampsync_private.check_target_name(v_live);
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_private.exchange_streams(p_stream_ids bigint[], p_former boolean, p_keep boolean) IS 'Give streams the rows and records of their shadows, or of their former tables, in one transaction.';
CREATE FUNCTION ampsync_private.explain_query(p_stream_id bigint, p_version text, p_plan jsonb) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with stored as (
    select s.*, ampsync_private.source_schema(d, p_version) as source_schema
      from ampsync_private.stream s
      join ampsync_private.dataset d using (dataset_id)
     where s.stream_id = p_stream_id
  ),
  col as (
    select 1 as part, c.ordinality as n, c.value ->> 'name' as name
      from stored s
     cross join jsonb_array_elements(s.columns) with ordinality c
    union all
    select 2, c.ordinality, c.value ->> 'name'
      from stored s
     cross join jsonb_array_elements(p_plan -> 'columns') with ordinality c
     where not coalesce(s.columns @> jsonb_build_array(jsonb_build_object('name', c.value -> 'name')), false)
    union all
    select 0, 0, '_block_num'
      from stored s
     where coalesce((p_plan ->> 'has_block_num')::boolean, s.has_block_num)
  )
  select s.query || ' SETTINGS stream = true' from stored s where s.query is not null
  union all
  select format('SELECT %s FROM %s%s SETTINGS stream = true', c.list,
                ampsync_private.quote_always(s.source_schema) || '.' || ampsync_private.quote_always(s.table_name),
                case when s.from_block > 0 then format(' WHERE "_block_num" >= %s', s.from_block) else '' end)
    from stored s
   cross join lateral (
     select string_agg(ampsync_private.quote_always(c.name), ', ' order by c.part, c.n) as list from col c
   ) c
   where c.list is not null
     and s.query is null;
$$;
COMMENT ON FUNCTION ampsync_private.explain_query(p_stream_id bigint, p_version text, p_plan jsonb) IS 'The query by which a stream follows its table.';
CREATE FUNCTION ampsync_private.explain_steps(p_dataset_id bigint, p_is_asked boolean, p_answer_id bigint) RETURNS TABLE(table_name text, step text, statement text, detail text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with dataset as (
    select d.*, a.version, a.manifest_hash, a.tables as answered, a.answered_at, a.head, a.error as trouble
      from ampsync_private.dataset d
      left join ampsync_private.answer a on a.answer_id = p_answer_id
     where d.dataset_id = p_dataset_id
  ),
  part as (
    select coalesce(s.table_name, t.value ->> 'table') as table_name, s.stream_id, t.value as plan,
           t.value is null and d.answered is not null and s.query is null as is_gone,
           s.from_block, s.checkpoint_block, s.target_schema, s.target_table, s.target, s.identity, s.columns,
           s.has_block_num,
           coalesce(d.version, d.manifest_hash, s.version, s.manifest_hash) as version,
           d.head, d as options
      from dataset d
      join ampsync_private.stream s on s.dataset_id = d.dataset_id and s.shadow_of is null
      left join lateral jsonb_array_elements(d.answered) t
             on t.value ->> 'table' = s.table_name and s.query is null
  )
  select null, o.step, o.statement, o.detail
    from dataset d
   cross join lateral (
     select 1 as n, 'ask' as step, format('select * from ampsync.explain_sync(%L);', d.label) as statement,
            'The Amp server is being asked what it has: call again. Without a worker nobody asks: '
            'select * from ampsync.workers;' as detail
      where d.answered_at is null and p_is_asked
     union all
     select 1, 'ask', d.trouble ->> 'hint', concat_ws(' ', d.trouble ->> 'message', d.trouble ->> 'detail')
      where d.trouble is not null
     union all
     select 2, 'version', null, format('version %s, as the Amp server said at %s', d.version, d.answered_at)
      where d.answered is not null
     union all
     select 3, 'refuse', d.error ->> 'hint', concat_ws(' ', d.error ->> 'message', d.error ->> 'detail')
      where d.error is not null
   ) o
  union all
  select p.table_name, o.step, o.statement, o.detail
    from part p
   cross join lateral (
     select 1, 'orphan', null, 'The version lacks this table: it keeps its rows and gets no more.'
      where p.is_gone
     union all
     select 2, 'ask', format('select * from ampsync.explain_sync(%L);', (p.options).label),
            'The table was not wanted yet when the Amp server was asked: call again after 10 s.'
      where p.plan is not null and p.plan ->> 'columns' is null and p.plan ->> 'error' is null
     union all
     select 2, 'refuse', p.plan -> 'error' ->> 'hint',
            concat_ws(' ', p.plan -> 'error' ->> 'message', p.plan -> 'error' ->> 'detail')
      where p.plan ->> 'error' is not null
     union all
     select 3, 'create', d.ddl, null
       from ampsync_private.target_ddl(
              p.target_schema, p.target_table, (p.plan ->> 'has_block_num')::boolean,
              ampsync_private.first_columns(p.stream_id, p.plan -> 'columns'), p.identity) d(ddl)
      where p.target is null and p.plan ->> 'columns' is not null
     union all
     select 3, e.action, coalesce(e.ddl, e.remedy, format('select ampsync.resync(%L);', (p.options).label)),
            concat_ws(': ', e.refusal, e.column_name)
       from ampsync_private.plan_evolution(
              p.stream_id, (p.plan ->> 'has_block_num')::boolean, p.plan -> 'columns') e
      where p.target is not null and p.plan ->> 'columns' is not null and e.action not in ('keep', 'forget_column')
     union all
     select 4, 'query', q.sql, null
       from ampsync_private.explain_query(p.stream_id, p.version, p.plan) q(sql)
      where not p.is_gone and q.sql is not null
     union all
     select 5, 'resume', null,
            case when p.checkpoint_block is not null then format('after block %s', p.checkpoint_block)
                 when p.from_block > 0
                   then format('from the first block; rows from block %s on are stored', p.from_block)
                 else 'from the first block' end
      where not p.is_gone
     union all
     select 6, 'load', null, format('%s blocks up to block %s', p.head - coalesce(p.checkpoint_block, -1), p.head)
      where not p.is_gone and p.head > coalesce(p.checkpoint_block, -1)
     union all
     select 6 + i.position, 'index',
            format('create index concurrently on %I.%I using %s (%s)', p.target_schema, p.target_table, i.method,
                   ampsync_private.index_column_list(i.columns, i.options)),
            'built once the table has reached the head'
       from ampsync_private.wanted_indexes(
              p_dataset_id, p.table_name, coalesce((p.plan ->> 'has_block_num')::boolean, p.has_block_num),
              coalesce(nullif(p.plan -> 'columns', 'null'), p.columns)) i
      where not p.is_gone and coalesce(p.plan ->> 'columns', p.columns::text) is not null
        and ampsync_private.serving_index(p.target, i.method, i.columns, i.options) is null
   ) o(n, step, statement, detail);
$$;
COMMENT ON FUNCTION ampsync_private.explain_steps(p_dataset_id bigint, p_is_asked boolean, p_answer_id bigint) IS 'The rows of ampsync.explain_sync.';
CREATE FUNCTION ampsync_private.explain_swaps(p_dataset_id bigint) RETURNS TABLE(table_name text, step text, statement text, detail text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select null, 'upgrade', coalesce(d.offered_error ->> 'hint', format('select ampsync.resync(%L);', d.label)),
         concat_ws(': ', format('version %s is offered, and not followed yet',
                                coalesce(d.offered_version, d.offered_hash)),
                   d.offered_error ->> 'message')
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and coalesce(d.offered_version, d.offered_hash) is not null
     and not exists (select 1 from ampsync_private.upgrade u where u.dataset_id = d.dataset_id)
  union all
  select null, 'upgrade', 'select * from ampsync.upgrades;',
         format('version %s %s %s since %s', coalesce(u.version, u.manifest_hash),
                case when u.tables is null then 'is to be built beside' else 'is built beside' end,
                coalesce(d.resolved_version, d.resolved_hash), u.started_at)
    from ampsync_private.upgrade u
    join ampsync_private.dataset d using (dataset_id)
   where u.dataset_id = p_dataset_id
  union all
  (select s.table_name, 'swap', null,
          case when w.stream_id is null and ampsync_private.is_upgraded(u, s)
                 then 'The table holds nothing yet: it reads the new version from then on.'
               when w.stream_id is null then 'The new version lacks the table: it keeps its rows and gets no more.'
               else format('%s; %s is loaded, %s is to be reached',
                           case when w.columns is null then 'its new columns are not known yet'
                                when ampsync_private.has_columns(s, w.has_block_num, w.columns)
                                  then 'merge: the table has the same columns and gets the difference'
                                else 'replace: the new table takes its place' end,
                           coalesce('block ' || w.checkpoint_block, 'nothing'),
                           coalesce('block ' || s.checkpoint_block, 'nothing')) end
     from ampsync_private.stream s
     left join ampsync_private.stream w on w.shadow_of = s.stream_id and w.state <> 'former'
     left join ampsync_private.upgrade u on u.dataset_id = s.dataset_id and u.tables is not null
    where s.dataset_id = p_dataset_id
      and s.shadow_of is null
      and (w.stream_id is not null or u.dataset_id is not null and s.query is null)
    order by s.table_name);
$$;
COMMENT ON FUNCTION ampsync_private.explain_swaps(p_dataset_id bigint) IS 'The rows of ampsync.explain_sync about versions and tables that are built beside a dataset.';
CREATE FUNCTION ampsync_private.fence_holders(p_stream_id bigint, p_epoch bigint) RETURNS TABLE(pid integer, mode text, is_ours boolean, is_mortal boolean)
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select h.pid, h.mode, h.is_ours, h.is_mortal
    from ampsync_private.lock_holders(ampsync_private.fence_key(p_stream_id, p_epoch)) h;
$$;
COMMENT ON FUNCTION ampsync_private.fence_holders(p_stream_id bigint, p_epoch bigint) IS 'Backends that hold the fence of a stream and lease epoch, and in which mode.';
CREATE FUNCTION ampsync_private.fence_key(p_stream_id bigint, p_epoch bigint) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return hashtextextended('ampsync.fence:' || p_stream_id || ':' || p_epoch, 0);
end;
$$;
COMMENT ON FUNCTION ampsync_private.fence_key(p_stream_id bigint, p_epoch bigint) IS 'Key of the advisory lock held by every writing transaction of a stream and lease epoch.';
CREATE FUNCTION ampsync_private.fence_waits(p_stream_id bigint, p_epoch bigint, p_waits_s numeric) RETURNS TABLE(reason text, hint text)
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  select case when a.wait_event = 'SyncRep'
                then format('the commit has waited %s s for a synchronous standby', round(p_waits_s))
              when b.pid is not null
                then format('has waited %s s for a lock%s that backend %s holds%s', round(p_waits_s),
                       coalesce((select ' on ' || k.relation::regclass
                                   from pg_locks k
                                  where k.pid = a.pid and not k.granted and k.relation is not null limit 1), ''),
                       b.pid, ' (' || nullif(concat_ws(', ', b.usename, nullif(b.application_name, '')), '') || ')')
              else format('PostgreSQL has been running one statement for %s s%s', round(p_waits_s),
                     coalesce(format(' (%s: %s)', a.wait_event_type, a.wait_event), '')) end,
         case when a.wait_event = 'SyncRep'
                then 'select application_name, state, sync_state from pg_stat_replication; '
                     '-- required by: show synchronous_standby_names;'
              when b.pid is not null
                then format('select * from pg_stat_activity where pid = %1$s; '
                            '-- to end it: select pg_terminate_backend(%1$s);', b.pid)
              else format('select * from pg_stat_activity where pid = %s;', a.pid) end
    from ampsync_private.fence_holders(p_stream_id, p_epoch) f
    join pg_stat_activity a using (pid)
    left join lateral (
      select p.pid, v.usename, v.application_name
        from unnest(pg_blocking_pids(a.pid)) p(pid)
        left join pg_stat_activity v on v.pid = p.pid
       where a.wait_event_type = 'Lock'
       limit 1
    ) b on true
   where a.wait_event is distinct from 'ClientRead'
     and (b.pid is not null or a.wait_event = 'SyncRep' or p_waits_s >= 10)
   order by b.pid is null, a.wait_event is distinct from 'SyncRep'
   limit 1;
$_$;
COMMENT ON FUNCTION ampsync_private.fence_waits(p_stream_id bigint, p_epoch bigint, p_waits_s numeric) IS 'What the backend that holds the fence of a stream and lease epoch is waiting for.';
CREATE FUNCTION ampsync_private.find_dataset(p_reference text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_ref record := ampsync_private.parse_reference(p_reference);
  v_ids bigint[];
begin
  select array_agg(d.dataset_id order by d.revision is distinct from v_ref.revision) into v_ids
    from ampsync_private.dataset d
   where d.namespace = v_ref.namespace
     and d.name = v_ref.name
     and (d.revision is not distinct from v_ref.revision or v_ref.revision is null);
  if cardinality(v_ids) = 1 or exists (select 1
                                         from ampsync_private.dataset d
                                        where d.dataset_id = v_ids[1]
                                          and d.revision is not distinct from v_ref.revision) then
    return v_ids[1];
  end if;
  raise exception using
    errcode = 'SY003',
    message = format('%s is %s', p_reference,
                     case when v_ids is null then 'not synced' else 'synced in several versions' end),
    detail  = (select format('Synced: %s.', coalesce(string_agg(d.label, ', ' order by d.label), 'nothing'))
                 from ampsync_private.dataset d),
    hint    = 'select dataset from ampsync.status;';
end;
$$;
COMMENT ON FUNCTION ampsync_private.find_dataset(p_reference text) IS 'The id of the synced dataset that a reference means; SY003 for none, or several.';
CREATE FUNCTION ampsync_private.find_disagreements(p_stream_id bigint) RETURNS TABLE(finding text, first_block bigint, last_block bigint, detail text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET jit TO 'off'
    AS $_$
declare
  v_stream ampsync_private.stream;
  v_column text := ampsync_private.hash_column(p_stream_id);
  v_chain  ampsync_private.stream;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  for v_chain in
    select *
      from ampsync_private.stream c
     where c.dataset_id = v_stream.dataset_id
       and c.network = v_stream.network
       and c.shadow_of is null
       and c.stream_id <> p_stream_id
       and v_column = 'block_hash'
       and ampsync_private.hash_column(c.stream_id) = 'hash'
     order by c.stream_id
  loop
    return query execute format(
      $sql$
      select 'tables disagree', min(d.block), max(d.block),
             format('block_hash is not the hash of the block in table %%s (%%s blocks).', $3, count(*))
        from (select b._block_num as block, b._block_num - row_number() over (order by %3$s) as island
                from %1$s b
               cross join lateral (
                  select t.block_hash as hash
                    from %2$s t
                   where %4$s
                   limit 1) r
               where %5$s
                 and r.hash is distinct from b.hash) d
       group by d.island
       order by 2
      $sql$, v_chain.target, v_stream.target, ampsync_private.block_key(v_chain.identity, 'b'),
      ampsync_private.in_blocks(v_stream.identity, 'b._block_num', 'b._block_num + 1'),
      ampsync_private.in_blocks(v_chain.identity, '$1', '$2 + 1', 'b'))
      using v_stream.origin, ampsync_private.common_block(v_stream.dataset_id, v_stream.network), v_chain.table_name;
  end loop;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.find_disagreements(p_stream_id bigint) IS 'Blocks whose hash in a stream''s rows is not the one in the dataset''s table of blocks.';
CREATE FUNCTION ampsync_private.find_faults(p_stream_id bigint) RETURNS TABLE(finding text, first_block bigint, last_block bigint, detail text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with fault as (
    select l.finding, l.first_block, l.last_block, l.detail, l.entry_first, l.entry_last, l.found_count, l.row_count
      from ampsync_private.find_ledger_faults(p_stream_id) l
     union all
    select h.finding, h.first_block, h.last_block, h.detail, null, null, null, null
      from ampsync_private.find_hash_faults(p_stream_id) h
     union all
    select d.finding, d.first_block, d.last_block, d.detail, null, null, null, null
      from ampsync_private.find_disagreements(p_stream_id) d
  ),
  placed as (
    select f.*, max(f.last_block) over (partition by f.finding order by f.first_block, f.last_block
                                        rows between unbounded preceding and 1 preceding) as before
      from fault f
  ),
  joined as (
    select p.*, count(*) filter (where p.before is null or p.first_block > p.before + 1)
                  over (partition by p.finding order by p.first_block, p.last_block) as island
      from placed p
  ),
  counted as (
    select o.*, row_number() over (partition by o.finding, o.island, o.entry_first) = 1 as is_first_of_entry
      from joined o
  )
  select j.finding, min(j.first_block), max(j.last_block),
         case when count(*) = 1 then min(j.detail)
              when bool_and(j.entry_first is not null)
                then format('%s rows in blocks %s to %s, where %s were loaded.',
                            sum(j.found_count) filter (where j.is_first_of_entry),
                            min(j.entry_first), max(j.entry_last),
                            sum(j.row_count) filter (where j.is_first_of_entry))
              else format('%s in a row, the first: %s', count(*),
                          (array_agg(j.detail order by j.first_block))[1]) end
    from counted j
   group by j.finding, j.island;
$$;
COMMENT ON FUNCTION ampsync_private.find_faults(p_stream_id bigint) IS 'All that is wrong with the rows of one stream, one row for each hole.';
CREATE FUNCTION ampsync_private.find_hash_faults(p_stream_id bigint) RETURNS TABLE(finding text, first_block bigint, last_block bigint, detail text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET jit TO 'off'
    AS $_$
declare
  v_stream ampsync_private.stream;
  v_column text := ampsync_private.hash_column(p_stream_id);
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  if v_column is null then
    return;
  end if;
  return query execute format(
    $sql$
    select case when f.is_same then 'two hashes' else 'broken chain' end,
           f.block - case when f.is_same then 0 else 1 end, f.block,
           case when f.is_same then format('Rows of block %%s have different hashes.', f.block)
                else format('The parent hash in block %%s is not the hash in block %%s.', f.block, f.block - 1) end
      from (select distinct t.block, t.block = t.before_block as is_same
              from (select r._block_num as block, r.%1$I as hash, %2$s as parent_hash,
                           lag(r._block_num) over o as before_block, lag(r.%1$I) over o as before_hash
                      from %3$s r
                     where %4$s
                    window o as (order by %5$s)) t
             where case t.block - t.before_block
                     when 0 then t.hash is distinct from t.before_hash
                     when 1 then $3 and t.parent_hash is distinct from t.before_hash end) f
     order by 3
    $sql$, v_column, case when v_column = 'hash' then 'r.parent_hash' else 'null::bytea' end, v_stream.target,
    ampsync_private.in_blocks(v_stream.identity, '$1', '$2 + 1', 'r'),
    ampsync_private.block_key(v_stream.identity, 'r'))
    using v_stream.origin, v_stream.checkpoint_block, v_column = 'hash';
  return query
  select 'history differs', h.last_block, h.last_block,
         format('The rows have hash %s, the history %s.', encode(r.hash, 'hex'), encode(h.hash, 'hex'))
    from ampsync_private.history h
   cross join lateral ampsync_private.hash_in_rows(p_stream_id, v_column, h.last_block) r(hash)
   where h.stream_id = p_stream_id
     and r.hash <> h.hash
   order by 2;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.find_hash_faults(p_stream_id bigint) IS 'Blocks whose hashes in a stream''s rows contradict each other or the history.';
CREATE FUNCTION ampsync_private.find_ledger_faults(p_stream_id bigint) RETURNS TABLE(finding text, first_block bigint, last_block bigint, detail text, entry_first bigint, entry_last bigint, found_count bigint, row_count bigint)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $_$
#variable_conflict use_column
declare
  v_stream ampsync_private.stream;
  v_entry  record;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  return query execute format(
    $sql$
    select 'rows outside', min(%2$s), max(%2$s),
           format('%%s rows below the first block, %%s', count(*), coalesce($1::text, 'none')),
           null::bigint, null::bigint, null::bigint, null::bigint
      from %1$s t where %3$s having count(*) > 0
    union all
    select 'rows outside', min(%2$s), max(%2$s),
           format('%%s rows above the checkpoint, %%s', count(*), coalesce($2::text, 'none')),
           null::bigint, null::bigint, null::bigint, null::bigint
      from %1$s t where %4$s having count(*) > 0
    $sql$, v_stream.target, ampsync_private.row_block(v_stream.identity),
    ampsync_private.in_blocks(v_stream.identity, null, '$1'),
    ampsync_private.in_blocks(v_stream.identity, 'coalesce($2 + 1, 0)', null))
    using v_stream.origin, v_stream.checkpoint_block;
  -- The last line stands for the entry that the next commit will append.
  return query
  select case when e.first_block > e.before + 1 then 'ledger gap' else 'ledger overlap' end,
         least(e.before + 1, e.first_block), greatest(e.first_block - 1, e.before),
         'The ledger does not cover these blocks exactly once.',
         null::bigint, null::bigint, null::bigint, null::bigint
    from (select l.first_block, coalesce(lag(l.last_block) over (order by l.last_block), v_stream.origin - 1) as before
            from (select l.first_block, l.last_block
                    from ampsync_private.ledger l
                   where l.stream_id = p_stream_id
                   union all
                  select v_stream.checkpoint_block + 1, null) l) e
   where e.first_block <> e.before + 1;
  for v_entry in
    select l.first_block, l.last_block, l.row_count, l.id_xor,
           m.row_count as found_count, m.id_xor as found_xor
      from (select array_agg(r.first_block) as firsts, array_agg(r.last_block) as lasts
              from ampsync_private.ledger r
             where r.stream_id = p_stream_id) a
     cross join lateral ampsync_private.measure_rows(
       v_stream.target, v_stream.identity, a.firsts, a.lasts) m
      join ampsync_private.ledger l
        on l.stream_id = p_stream_id and l.first_block = m.first_block and l.last_block = m.last_block
     where (m.row_count, m.id_xor) <> (l.row_count, l.id_xor)
     order by l.last_block
  loop
    return query
    select f.finding, f.first_block, f.last_block,
           format('%s rows in blocks %s to %s, where %s were loaded.', v_entry.found_count,
                  v_entry.first_block, v_entry.last_block, v_entry.row_count),
           v_entry.first_block, v_entry.last_block, v_entry.found_count, v_entry.row_count
      from ampsync_private.narrow_fault(p_stream_id, v_entry.first_block, v_entry.last_block, v_entry.row_count,
                                        v_entry.found_count, v_entry.id_xor # v_entry.found_xor) f;
  end loop;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.find_ledger_faults(p_stream_id bigint) IS 'Ranges of blocks that do not hold the rows that the ledger of a stream says they must.';
CREATE FUNCTION ampsync_private.find_target(p_stream_id bigint) RETURNS TABLE(target_schema text, target_table text, fault text, hint text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
#variable_conflict use_column
declare
  v_stream ampsync_private.stream;
  v_label  text := ampsync_private.stream_label(p_stream_id);
  v_name   text;
  v_other  regclass;
  v_aside  text; -- Moves the relation that has the name out of the way.
  v_back   text; -- Gives the name back to our table.
begin
  select s.* into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  select n.nspname, c.relname into target_schema, target_table
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.oid = v_stream.target;
  v_name := format('%I.%I', v_stream.target_schema, v_stream.target_table);
  v_other := to_regclass(v_name);
  if v_other <> v_stream.target and target_schema <> v_stream.target_schema then
    -- Into another schema, because the names of its indexes may be in the way as well.
    v_aside := (select format('create schema if not exists %I; alter table %s set schema %1$I; ', a.name, v_name)
                  from generate_series(1, 1000) n(n)
                 cross join lateral (
                   select ampsync_private.cut_name(v_stream.target_schema, 58) || '_' || n.n as name) a
                 where to_regnamespace(quote_ident(a.name)) is null
                 order by n.n
                 limit 1);
  elsif v_other <> v_stream.target then
    v_aside := format('alter table %s rename to %I; ', v_name,
                      ampsync_private.free_name(v_stream.target_schema, v_stream.target_table));
  end if;
  if target_table is null then
    fault := format('table %s is gone', v_name);
    hint := concat(v_aside,
                   case when exists (select 1
                                       from ampsync_private.stream s
                                      where p_stream_id in (s.shadow_of, s.stream_id) and s.shadow_of is not null
                                        and s.state <> 'former')
                        then ampsync_private.cancel_hint(p_stream_id) || ' ' end,
                   format('select ampsync.resync(%L, %L);', v_label, v_stream.table_name));
  elsif v_aside is not null
     or exists (select 1
                  from ampsync_private.stream s
                 where s.target_schema = find_target.target_schema
                   and s.target_table = find_target.target_table
                   and s.stream_id <> p_stream_id) then
    v_back := concat(
      case when to_regnamespace(quote_ident(v_stream.target_schema)) is null
           then format('create schema %I; ', v_stream.target_schema) end,
      case when target_schema <> v_stream.target_schema
           then format('alter table %I.%I set schema %I; ', target_schema, target_table, v_stream.target_schema) end,
      case when target_table <> v_stream.target_table
           then format('alter table %I.%I rename to %I; ',
                       v_stream.target_schema, target_table, v_stream.target_table) end);
    fault := case when v_aside is not null
      then format('%s is another table now; the synced one is %I.%I', v_name, target_schema, target_table)
      else format('table %s is called %I.%I now, which is the name of another stream''s target',
                  v_name, target_schema, target_table)
    end;
    hint := concat(v_aside, v_back, format('select ampsync.resume_sync(%L);', v_label));
  end if;
  return next;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.find_target(p_stream_id bigint) IS 'Where a stream''s target is now, and what keeps us from following it there.';
CREATE FUNCTION ampsync_private.first_columns(p_stream_id bigint, p_columns jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select jsonb_agg(p.value || jsonb_build_object(
                     'type', coalesce(k.old_type, p.value ->> 'type'),
                     'not_null', (p.value ->> 'not_null')::boolean and d.not_null and d.value_policy <> 'null')
                   order by m.n, p.ordinality)
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
    left join ampsync_private.stream live
           on live.stream_id = s.shadow_of
          and (select array_agg(c.value ->> 'name' order by c.value ->> 'name')
                 from jsonb_array_elements(live.columns) c)
              = (select array_agg(c.value ->> 'name' order by c.value ->> 'name')
                   from jsonb_array_elements(p_columns) c)
   cross join jsonb_array_elements(p_columns) with ordinality p
    left join lateral (select m.ordinality as n
                         from jsonb_array_elements(live.columns) with ordinality m
                        where m.value ->> 'name' = p.value ->> 'name') m on true
    left join ampsync_private.plan_evolution(live.stream_id, live.has_block_num, p_columns) k
           on k.action = 'keep' and k.column_name = p.value ->> 'name'
   where s.stream_id = p_stream_id;
$$;
COMMENT ON FUNCTION ampsync_private.first_columns(p_stream_id bigint, p_columns jsonb) IS 'The columns that the table of a stream is created with, in their order.';
CREATE FUNCTION ampsync_private.fix_of(p_hint text, p_statement text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select case when p_hint ~ '^(select|alter|drop|grant|revoke|create) ' then p_hint
              else concat_ws(' -- ', p_statement, regexp_replace(p_hint, '[[:space:]]+', ' ', 'g')) end;
$$;
COMMENT ON FUNCTION ampsync_private.fix_of(p_hint text, p_statement text) IS 'A hint as something to run: itself if it is a statement, else a comment after the given one.';
CREATE FUNCTION ampsync_private.follow_target(p_stream_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream ampsync_private.stream;
  v_place  record;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  if v_stream.target is null then
    update ampsync_private.stream s
       set target_schema = d.target_schema
      from ampsync_private.dataset d
     where s.stream_id = p_stream_id
       and s.shadow_of is null
       and d.dataset_id = s.dataset_id
       and d.target_schema <> s.target_schema;
    return;
  end if;
  perform ampsync_private.check_may_read(to_regnamespace(quote_ident(v_stream.target_schema)), null);
  if to_regclass(format('%I.%I', v_stream.target_schema, v_stream.target_table)) = v_stream.target then
    return;
  end if;
  select * into strict v_place
    from ampsync_private.find_target(p_stream_id);
  if v_place.fault is not null then
    call ampsync_private.raise_target_moved(p_stream_id);
  end if;
  if v_place.target_schema <> v_stream.target_schema then
    perform ampsync_private.show_checkpoints(v_place.target_schema);
  end if;
  update ampsync_private.stream s
     set target_schema = v_place.target_schema, target_table = v_place.target_table
   where s.stream_id = p_stream_id;
  -- New tables go where the others are. Not waited for: the next table that is followed does this too.
  if v_stream.shadow_of is null and to_regnamespace(quote_ident(v_stream.target_schema)) is null then
    update ampsync_private.dataset d
       set target_schema = v_place.target_schema
     where d.dataset_id in (select f.dataset_id
                              from ampsync_private.dataset f
                             where f.dataset_id = v_stream.dataset_id
                               and f.target_schema = v_stream.target_schema
                               for no key update skip locked);
  end if;
  perform ampsync_private.journal(p_stream_id, 'target_renamed', jsonb_build_object(
    'from', format('%I.%I', v_stream.target_schema, v_stream.target_table),
    'to', format('%I.%I', v_place.target_schema, v_place.target_table)));
end;
$$;
COMMENT ON FUNCTION ampsync_private.follow_target(p_stream_id bigint) IS 'Adopt the name that a stream''s target has now; SY201 if that is impossible.';
CREATE FUNCTION ampsync_private.follow_version(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_dataset ampsync_private.dataset;
begin
  perform ampsync_private.drop_shadow(s.stream_id)
     from ampsync_private.stream s
    where s.dataset_id = p_dataset_id
      and s.shadow_of is null
      and s.query is null
      and s.table_name <> all (p_tables);
  update ampsync_private.dataset d
     set offered_version = p_version, offered_hash = p_manifest_hash
   where d.dataset_id = p_dataset_id
  returning * into strict v_dataset;
  perform ampsync_private.switch_streams(v_dataset, p_tables);
  perform ampsync_private.let_go_on(s.stream_id) -- Stood still for the exchange, without rows.
     from ampsync_private.stream s
    where s.dataset_id = p_dataset_id
      and s.shadow_of is null
      and s.query is null;
  perform ampsync_private.schedule_stream(s.stream_id)
     from ampsync_private.stream s
    where s.dataset_id = p_dataset_id
      and s.shadow_of is null
      and not ampsync_private.is_halted(s.state);
  perform ampsync_worker.register_streams(p_dataset_id, p_version, p_manifest_hash, p_tables,
                                          v_dataset.has_namespaces);
  update ampsync_private.dataset d
     set offered_version = null, offered_hash = null, offered_declined = false, offered_attempts = 0,
         offered_retry = null, offered_error = null, quiesce_until = null
   where d.dataset_id = p_dataset_id;
end;
$$;
COMMENT ON FUNCTION ampsync_private.follow_version(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables text[]) IS 'Let a dataset follow a version from now on, after its loaded tables have got the rows of that version.';
CREATE FUNCTION ampsync_private.forget_records(p_stream_id bigint) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  delete from ampsync_private.history h where h.stream_id = p_stream_id;
  delete from ampsync_private.ledger l where l.stream_id = p_stream_id;
  delete from ampsync_private.reject r where r.stream_id = p_stream_id;
  delete from ampsync_private.repair r where r.stream_id = p_stream_id;
  delete from ampsync_private.version_history v where v.stream_id = p_stream_id;
$$;
COMMENT ON FUNCTION ampsync_private.forget_records(p_stream_id bigint) IS 'Delete what is recorded about the rows of a stream.';
CREATE FUNCTION ampsync_private.forget_target(p_stream_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_state text;
begin
  perform ampsync_private.forget_records(p_stream_id);
  update ampsync_private.stream s
     set target           = null,
         columns          = null,
         reached_head_at  = null,
         has_block_num    = null,
         network          = null,
         origin           = null,
         checkpoint_block = null,
         checkpoint_hash  = null,
         block_time       = null,
         committed_at     = null,
         load_started     = null,
         load_from        = null,
         row_total        = 0,
         rewrites         = s.rewrites + 1,
         nul_counts       = '{}',
         nulled_counts    = '{}',
         state            = case when s.state = 'paused' then 'paused' else 'waiting' end,
         since            = ampsync_private.now(),
         attempts         = 0,
         next_retry       = null,
         error            = null
   where s.stream_id = p_stream_id
  returning s.state into v_state;
  if v_state = 'waiting' then
    perform ampsync_private.schedule_stream(p_stream_id);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.forget_target(p_stream_id bigint) IS 'Let a stream whose table was dropped start over.';
CREATE FUNCTION ampsync_private.free_jobs(p_workers text[]) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_jobs bigint[] := array(
    select j.id
      from graphile_worker.jobs j
     where j.locked_by = any (p_workers)
       and starts_with(j.task_identifier, 'ampsync_')
  );
begin
  if v_jobs = '{}' then
    return 0;
  end if;
  perform graphile_worker.force_unlock_workers(p_workers);
  perform graphile_worker.complete_jobs(v_jobs);
  perform ampsync_private.journal(null, 'workers_freed', jsonb_build_object('workers', to_jsonb(p_workers)));
  return cardinality(v_jobs);
end;
$$;
COMMENT ON FUNCTION ampsync_private.free_jobs(p_workers text[]) IS 'Free the jobs of dead workers; those of ampsync are removed.';
CREATE FUNCTION ampsync_private.free_name(p_schema text, p_table text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select c.name
    from generate_series(1, 1000) n(n)
   cross join lateral (select ampsync_private.cut_name(p_table, 58) || '_' || n.n as name) c
   where to_regclass(format('%I.%I', p_schema, c.name)) is null
   order by n.n
   limit 1;
$$;
COMMENT ON FUNCTION ampsync_private.free_name(p_schema text, p_table text) IS 'A free table name next to a table, for statements in hints.';
CREATE FUNCTION ampsync_private.freeze_streams(p_dataset_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream_id bigint;
begin
  for v_stream_id in
    select s.stream_id
      from ampsync_private.stream s
     where s.dataset_id = p_dataset_id
       and s.shadow_of is null
       and s.query is null
       and s.state <> 'orphaned'
     order by s.stream_id
  loop
    perform ampsync_private.revoke_lease(v_stream_id);
    update ampsync_private.stream s
       set state = 'resyncing', since = ampsync_private.now(), attempts = 0, next_retry = null, error = null,
           load_started = null, load_from = null
     where s.stream_id = v_stream_id
       and s.state <> 'resyncing';
  end loop;
  update ampsync_private.upgrade u
     set frozen_at = ampsync_private.now(), freezes = u.freezes + 1, next_retry = null
   where u.dataset_id = p_dataset_id;
  perform ampsync_private.journal(null, 'upgrade_frozen', p_dataset_id => p_dataset_id);
end;
$$;
COMMENT ON FUNCTION ampsync_private.freeze_streams(p_dataset_id bigint) IS 'Stop the old streams of a dataset under upgrade at their checkpoints.';
CREATE FUNCTION ampsync_private.function_steps(p_old regclass) RETURNS TABLE(class_id oid, object_id oid, ddl text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select d.class_id, d.object_id, pg_get_functiondef(d.object_id)
    from ampsync_private.dependents(p_old) d
   where d.class_id = 'pg_proc'::regclass;
$$;
COMMENT ON FUNCTION ampsync_private.function_steps(p_old regclass) IS 'Statements that define anew the functions in standard SQL that use a table.';
CREATE FUNCTION ampsync_private.give_up_upgrade(p_dataset_id bigint, p_why text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_upgrade ampsync_private.upgrade;
  v_shadow  record;
begin
  for v_shadow in
    select w.stream_id, w.shadow_of
      from ampsync_private.stream w
      join ampsync_private.stream s on s.stream_id = w.shadow_of
     where w.dataset_id = p_dataset_id
       and w.state <> 'former'
       and s.query is null
     order by w.shadow_of
  loop
    perform ampsync_private.revoke_lease(v_shadow.stream_id);
    perform ampsync_private.drop_shadow(v_shadow.shadow_of);
  end loop;
  perform ampsync_private.let_go_on(s.stream_id) -- No worker has anything to do with a halted stream.
     from ampsync_private.stream s
    where s.dataset_id = p_dataset_id
      and s.shadow_of is null
      and s.query is null
      and s.state = 'resyncing';
  delete from ampsync_private.upgrade u
   where u.dataset_id = p_dataset_id
  returning * into v_upgrade;
  if v_upgrade.tables is not null then
    perform graphile_worker.remove_job('ampsync_upgrade:' || p_dataset_id);
    perform ampsync_private.journal(null,
              case p_why when 'cancelled' then 'upgrade_cancelled' else 'upgrade_superseded' end, jsonb_build_object(
              'version', v_upgrade.version, 'manifest_hash', v_upgrade.manifest_hash), p_dataset_id);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.give_up_upgrade(p_dataset_id bigint, p_why text) IS 'Give up the upgrade of a dataset; the old streams go on.';
CREATE FUNCTION ampsync_private.gives_way(p_worker_id text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return coalesce((select bool_or(h.worker_id = p_worker_id and h.held >= h.share)
                          and bool_or(h.worker_id <> p_worker_id and h.held < h.share)
                     from ampsync_private.sharing() h), false);
end;
$$;
COMMENT ON FUNCTION ampsync_private.gives_way(p_worker_id text) IS 'Whether a worker holds its share of the streams while another one holds less than its own.';
CREATE FUNCTION ampsync_private.grants_of(p_relation regclass, p_without name[]) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select coalesce(jsonb_agg(g.entry order by g.entry), '[]')
    from (select jsonb_build_object('column', a.column_name, 'privilege', e.privilege_type,
                                    'grantor', pg_get_userbyid(e.grantor),
                                    'grantee', case when e.grantee <> 0 then pg_get_userbyid(e.grantee) end,
                                    'grantable', e.is_grantable)
            from (select null::name, coalesce(c.relacl, acldefault('r', c.relowner))
                    from pg_class c
                   where c.oid = p_relation
                  union all
                  select a.attname, a.attacl
                    from pg_attribute a
                   where a.attrelid = p_relation
                     and not a.attisdropped
                     and a.attname <> all (p_without)) a(column_name, acl)
           cross join lateral aclexplode(a.acl) e) g(entry);
$$;
COMMENT ON FUNCTION ampsync_private.grants_of(p_relation regclass, p_without name[]) IS 'The grants on a table or view and its columns, as jsonb.';
CREATE FUNCTION ampsync_private.has_columns(p_stream ampsync_private.stream, p_has_block_num boolean, p_columns jsonb) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  select p_stream.identity = 'content'
         and not exists (select from ampsync_private.plan_evolution(p_stream.stream_id, p_has_block_num, p_columns))
         and jsonb_path_query_array(p_stream.columns, '$[*].name') = jsonb_path_query_array(p_columns, '$[*].name');
$_$;
COMMENT ON FUNCTION ampsync_private.has_columns(p_stream ampsync_private.stream, p_has_block_num boolean, p_columns jsonb) IS 'Whether a stream''s target has these columns, in this order, and its rows can be compared with theirs.';
CREATE FUNCTION ampsync_private.has_only_queries(p_dataset ampsync_private.dataset) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select coalesce(
    (p_dataset).tables <@ array(select q.name from jsonb_object_keys((p_dataset).queries) q(name)), false);
$$;
COMMENT ON FUNCTION ampsync_private.has_only_queries(p_dataset ampsync_private.dataset) IS 'Whether all tables of a dataset have queries.';
CREATE FUNCTION ampsync_private.hash_column(p_stream_id bigint) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $_$
declare
  v_column   text := ampsync_private.named_hash_column(p_stream_id);
  v_target   regclass;
  v_identity text;
  v_is_hash  boolean;
begin
  if v_column is null or not ampsync_private.hold_target(p_stream_id) then -- Somebody dropped the table.
    return null;
  end if;
  select s.target, s.identity into v_target, v_identity
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  execute format(
    $sql$
    with mark as not materialized (
      select r.hash = h.hash as is_equal
        from ampsync_private.history h
       cross join lateral (
          select t.%I as hash
            from %s t
           where %s
           limit 1) r
       where h.stream_id = $1
    )
    select exists (select 1 from mark m where m.is_equal) or not exists (select 1 from mark m)
    $sql$, v_column, v_target, ampsync_private.in_blocks(v_identity, 'h.last_block', 'h.last_block + 1'))
     into v_is_hash
    using p_stream_id;
  return case when v_is_hash then v_column end;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.hash_column(p_stream_id bigint) IS 'The column of a stream''s target that holds the hash of the row''s block; null if none does.';
CREATE FUNCTION ampsync_private.hash_in_rows(p_stream_id bigint, p_column text, p_block bigint) RETURNS bytea
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $_$
declare
  v_stream ampsync_private.stream;
  v_hash   bytea;
begin
  if p_column is null then
    return null;
  end if;
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  execute format('select t.%I from %s t where %s limit 1', p_column, v_stream.target,
                 ampsync_private.in_blocks(v_stream.identity, '$1', '$2'))
     into v_hash
    using p_block, p_block + 1;
  return case when octet_length(v_hash) = 32 then v_hash end;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.hash_in_rows(p_stream_id bigint, p_column text, p_block bigint) IS 'The hash that a column of a stream''s target holds in the rows of a block.';
CREATE FUNCTION ampsync_private.hash_in_table_of_blocks(p_stream_id bigint, p_block bigint) RETURNS bytea
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select ampsync_private.hash_in_rows(c.stream_id, 'hash', p_block)
    from ampsync_private.stream s
    join ampsync_private.stream c
      on c.dataset_id = s.dataset_id
     and c.network = s.network
     and c.shadow_of is null
   where s.stream_id = p_stream_id
     and ampsync_private.hash_column(c.stream_id) = 'hash'
     and p_block < (select min(h.first_block) from ampsync_private.history h where h.stream_id = c.stream_id)
   order by c.stream_id
   limit 1;
$$;
COMMENT ON FUNCTION ampsync_private.hash_in_table_of_blocks(p_stream_id bigint, p_block bigint) IS 'The hash of an old block in the dataset''s table of blocks.';
CREATE FUNCTION ampsync_private.heads_key(p_dataset_id bigint) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return hashtextextended('ampsync.heads:' || p_dataset_id, 0);
end;
$$;
COMMENT ON FUNCTION ampsync_private.heads_key(p_dataset_id bigint) IS 'Key of the advisory lock that a heartbeat tries before it records heads of a dataset.';
CREATE FUNCTION ampsync_private.hide_checkpoints(p_target_schema text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '300ms'
    AS $$
begin
  perform ampsync_private.check_may_read(to_regnamespace(quote_ident(p_target_schema)), null);
  perform pg_advisory_xact_lock(hashtextextended('ampsync.schema:' || p_target_schema, 0));
  if ampsync_private.checkpoints_definition(p_target_schema) is not null
     and not exists (select 1
                       from ampsync_private.stream s
                      where s.target_schema = p_target_schema
                        and s.shadow_of is null) then
    execute format('drop view %I._ampsync_checkpoints', p_target_schema);
  end if;
exception
  when dependent_objects_still_exist or lock_not_available then
    null;
end;
$$;
COMMENT ON FUNCTION ampsync_private.hide_checkpoints(p_target_schema text) IS 'Drop the view of checkpoints from a schema that no stream writes to any more.';
CREATE FUNCTION ampsync_private.hold_adoptable(p_dataset_id bigint, p_target_schema text) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_held  jsonb := ampsync_private.adoptable_oids(p_dataset_id, p_target_schema);
  v_table record;
begin
  for v_table in
    select t.oid, format('%I.%I', n.nspname, c.relname) as name
      from jsonb_to_recordset(v_held) h(target oid, old oid)
     cross join unnest(array[h.target, h.old]) t(oid)
      join pg_class c on c.oid = t.oid
      join pg_namespace n on n.oid = c.relnamespace
     order by t.oid
  loop
    begin
      execute format('lock table only %s in access share mode', v_table.name);
    exception
      when undefined_table or invalid_schema_name then
        null; -- Renamed or dropped while this call waited.
      when insufficient_privilege or wrong_object_type then
        perform ampsync_private.check_adoptable(p_dataset_id, p_target_schema); -- Which says more.
        raise;
    end;
    if to_regclass(v_table.name) is distinct from v_table.oid then
      v_held := null;
    end if;
  end loop;
  perform ampsync_private.check_adoptable(p_dataset_id, p_target_schema);
  if v_held is distinct from ampsync_private.adoptable_oids(p_dataset_id, p_target_schema) then
    raise exception using
      errcode = 'SY205',
      message = format('a table of schema %I was made, renamed or dropped meanwhile', p_target_schema),
      detail  = 'Nothing was changed: only tables that were checked are replaced.',
      hint    = format('Try again: select ampsync.adopt(%L, %L);',
                       (select d.label from ampsync_private.dataset d where d.dataset_id = p_dataset_id),
                       p_target_schema);
  end if;
  return v_held;
end;
$$;
COMMENT ON FUNCTION ampsync_private.hold_adoptable(p_dataset_id bigint, p_target_schema text) IS 'Lock the tables that ampsync.adopt exchanges, check them once more, and return their OIDs.';
CREATE FUNCTION ampsync_private.hold_functions(p_tables regclass[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_routine regprocedure;
  v_error   text;
begin
  for v_routine in
    select distinct p.oid
      from unnest(p_tables) t(oid)
     cross join lateral ampsync_private.dependents(t.oid) d
      join pg_proc p on d.class_id = 'pg_proc'::regclass and p.oid = d.object_id
     where p.prokind in ('f', 'p')
       and pg_has_role(p.proowner, 'usage')
     order by p.oid
  loop
    execute format('alter routine %s reset trace_notify', v_routine);
  end loop;
exception
  when internal_error or undefined_function then -- Changed, or dropped, while this call waited.
    get stacked diagnostics v_error = message_text;
    raise exception using
      errcode = '55P03',
      message = format('somebody changes function %s at the same moment', v_routine),
      detail  = v_error,
      hint    = 'Do the same again.';
end;
$$;
COMMENT ON FUNCTION ampsync_private.hold_functions(p_tables regclass[]) IS 'Keep functions in standard SQL that use these tables from being changed until the transaction ends.';
CREATE FUNCTION ampsync_private.hold_target(p_stream_id bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  v_target regclass;
  v_name   text;
begin
  select s.target into v_target
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  loop
    v_name := v_target::text;
    if v_name is null or v_name ~ '^[0-9]+$' then -- The OID, without quotes: no table has it any more.
      return false;
    end if;
    call ampsync_private.check_readable(p_stream_id, v_target);
    begin
      execute format('select from %s limit 0', v_name); -- LOCK TABLE is not allowed where nothing may be written.
      if v_target::text = v_name then
        call ampsync_private.check_readable(p_stream_id, v_target); -- Given away, perhaps, while it waited.
        return true;
      end if;
    exception
      when undefined_table or invalid_schema_name then
        null; -- Renamed, or dropped, while it waited.
    end;
  end loop;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.hold_target(p_stream_id bigint) IS 'Lock the target of a stream for reading; false if it is gone.';
CREATE FUNCTION ampsync_private.hold_worker_lock(p_worker_id text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if current_setting('ampsync.worker', true) is distinct from p_worker_id then
    if not pg_try_advisory_lock_shared(ampsync_private.worker_key(p_worker_id)) then
      return false;
    end if;
    perform set_config('ampsync.worker', p_worker_id, false);
  end if;
  return true;
end;
$$;
COMMENT ON FUNCTION ampsync_private.hold_worker_lock(p_worker_id text) IS 'Hold the lock of a worker in this session, which shows that the worker is alive.';
CREATE FUNCTION ampsync_private.idle_hint(p_has_workers boolean) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return case when p_has_workers then 'Its job waits for a free worker: select * from ampsync.jobs;'
              else 'Start a worker (npx graphile-worker), then: select * from ampsync.jobs;' end;
end;
$$;
COMMENT ON FUNCTION ampsync_private.idle_hint(p_has_workers boolean) IS 'What to do about work that no worker is doing.';
CREATE FUNCTION ampsync_private.in_blocks(p_identity text, p_from text, p_below text, p_alias text DEFAULT 't'::text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_key   text := ampsync_private.block_key(p_identity, p_alias);
  v_bound text := case p_identity when 'content' then 'ampsync_private.block_prefix(%s)'
                                  when 'transaction' then '%s' end;
begin
  return concat_ws(' and ', v_key || ' >= ' || replace(v_bound, '%s', p_from),
                            v_key || ' < ' || replace(v_bound, '%s', p_below));
end;
$$;
COMMENT ON FUNCTION ampsync_private.in_blocks(p_identity text, p_from text, p_below text, p_alias text) IS 'The condition that a row of a target belongs to a range of blocks.';
CREATE FUNCTION ampsync_private.index_builder() RETURNS integer
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select k.pid
    from ampsync_private.index_lock_key() f(key)
    join pg_locks k
      on k.classid::bigint = ((f.key >> 32) & 4294967295)
     and k.objid::bigint = (f.key & 4294967295)
   where k.locktype = 'advisory' and k.objsubid = 1 and k.granted
     and k.database = (select d.oid from pg_database d where d.datname = current_database());
$$;
COMMENT ON FUNCTION ampsync_private.index_builder() IS 'Process id of the session that builds indexes at the moment; null if there is none.';
CREATE FUNCTION ampsync_private.index_clauses(p_index regclass, p_with_storage boolean) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select case when p_with_storage or o.storage is null then d.clauses else replace(d.clauses, o.storage, '') end
    from pg_index i
    join pg_class x on x.oid = i.indexrelid
    join pg_class t on t.oid = i.indrelid
    join pg_namespace n on n.oid = t.relnamespace
   cross join lateral (
     select substr(pg_get_indexdef(i.indexrelid),
                   length(format('CREATE %sINDEX %I ON %I.%I ', case when i.indisunique then 'UNIQUE ' end,
                                 x.relname, n.nspname, t.relname)) + 1) as clauses
   ) d
   cross join lateral (
     select format(' WITH (%s)',
                   string_agg(format('%I=%s', s.option_name,
                                     case when quote_ident(s.option_value) = s.option_value then s.option_value
                                          else quote_literal(s.option_value) end), ', ' order by r.n)) as storage
       from unnest(x.reloptions) with ordinality r(option, n)
      cross join lateral pg_options_to_table(array[r.option]) s
   ) o
   where i.indexrelid = p_index;
$$;
COMMENT ON FUNCTION ampsync_private.index_clauses(p_index regclass, p_with_storage boolean) IS 'The definition of an index from its method on.';
CREATE FUNCTION ampsync_private.index_column_list(p_columns text[], p_options smallint[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select string_agg(quote_ident(c.name)
                    || case c.options when 0 then '' when 1 then ' desc nulls last'
                                      when 2 then ' nulls first' else ' desc' end,
                    ', ' order by c.position)
    from unnest(p_columns, p_options) with ordinality c(name, options, position);
$$;
COMMENT ON FUNCTION ampsync_private.index_column_list(p_columns text[], p_options smallint[]) IS 'The columns of an index as CREATE INDEX takes them.';
CREATE FUNCTION ampsync_private.index_columns(p_index regclass) RETURNS name[]
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select coalesce(array_agg(distinct a.attname), '{}')
    from pg_index i
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum > 0
   where i.indexrelid = p_index
     and (a.attnum = any (i.indkey)
          or exists (select 1
                       from pg_depend d
                      where d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid
                        and d.refobjsubid = a.attnum
                        and d.classid = 'pg_class'::regclass and d.objid = i.indexrelid));
$$;
COMMENT ON FUNCTION ampsync_private.index_columns(p_index regclass) IS 'The columns that an index needs.';
CREATE FUNCTION ampsync_private.index_lock_key() RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select hashtextextended('ampsync.index', 0);
$$;
COMMENT ON FUNCTION ampsync_private.index_lock_key() IS 'Key of the advisory lock held by the session that builds indexes.';
CREATE FUNCTION ampsync_private.index_name(p_target regclass, p_method text, p_columns text[], p_options smallint[]) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with parts as (
    select c.relnamespace, c.relname::text as table_name,
           '_' || array_to_string(p_columns, '_') || '_idx' as suffix,
           left(md5(format('%s %s %s %s', c.relname, p_method, p_columns, p_options)), 8) as hash
      from pg_class c
     where c.oid = p_target
  ),
  forms as (
    select 1 as preference, p.table_name || p.suffix as name, p.relnamespace
      from parts p
    union all
    select 2, ampsync_private.cut_name(p.table_name, 40) || '_' || p.hash
              || case when octet_length(p.suffix) <= 14 then p.suffix else '_idx' end,
           p.relnamespace
      from parts p
  )
  select f.name
    from forms f
   where octet_length(f.name) <= 63
   order by exists (select from pg_class c where c.relnamespace = f.relnamespace and c.relname = f.name),
            f.preference
   limit 1;
$$;
COMMENT ON FUNCTION ampsync_private.index_name(p_target regclass, p_method text, p_columns text[], p_options smallint[]) IS 'A name of at most 63 bytes for an index of a table, free if possible.';
CREATE FUNCTION ampsync_private.index_pairs(p_old regclass, p_new regclass) RETURNS TABLE(old_index regclass, new_index regclass)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with shaped as (
    select i.indrelid, i.indexrelid::regclass as index, s.shape,
           row_number() over (partition by i.indrelid, s.shape order by i.indexrelid) as n
      from pg_index i
     cross join lateral ampsync_private.index_shape(i.indexrelid) s(shape)
     where i.indrelid in (p_old, p_new)
       and i.indisvalid and i.indisready and i.indislive
  )
  select o.index, n.index
    from (select * from shaped s where s.indrelid = p_old) o
    full join (select * from shaped s where s.indrelid = p_new) n using (shape, n);
$$;
COMMENT ON FUNCTION ampsync_private.index_pairs(p_old regclass, p_new regclass) IS 'The indexes of two tables, paired by what they index.';
CREATE FUNCTION ampsync_private.index_shape(p_index regclass) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select concat_ws(' ', k.contype, case when k.condeferrable then 'deferrable' end,
                   case when k.condeferred then 'deferred' end, case when i.indisunique then 'unique' end,
                   ampsync_private.without_casts(ampsync_private.index_clauses(p_index, false)),
                   case when k.contype = 'x' then ampsync_private.without_casts(pg_get_constraintdef(k.oid)) end)
    from pg_index i
    left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
   where i.indexrelid = p_index;
$$;
COMMENT ON FUNCTION ampsync_private.index_shape(p_index regclass) IS 'What an index is, apart from names and storage parameters.';
CREATE FUNCTION ampsync_private.index_steps(p_old regclass, p_new regclass, p_name text) RETURNS TABLE(class_id oid, object_id oid, ddl text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with pair as (
    select o.oid as old_oid, n.oid as new_oid, format('%I.%I', s.nspname, o.relname) as name, o.relname,
           o.reloptions, n.reloptions as new_options, i.indisclustered, i.indisreplident, k.oid as constraint_id,
           k.conname
      from ampsync_private.index_pairs(p_old, p_new) p
      join pg_class o on o.oid = p.old_index
      join pg_class n on n.oid = p.new_index
      join pg_index i on i.indexrelid = o.oid
      join pg_class t on t.oid = p_old
      join pg_namespace s on s.oid = t.relnamespace
      left join pg_constraint k on k.conindid = o.oid and k.conrelid = p_old and k.contype in ('p', 'u', 'x')
  )
  select 'pg_class'::regclass::oid, p.old_oid, s.ddl
    from pair p
   cross join lateral (
     select format('alter index %s reset (%s)', p.name, string_agg(quote_ident(x.option_name), ', '))
       from pg_options_to_table(p.new_options) x
      where p.new_options is distinct from p.reloptions
     having count(*) > 0
     union all
     select format('alter index %s set (%s)', p.name,
                   string_agg(format('%I = %L', x.option_name, x.option_value), ', '))
       from pg_options_to_table(p.reloptions) x
      where p.new_options is distinct from p.reloptions
     having count(*) > 0
     union all
     select format('comment on index %s is %L', p.name, obj_description(p.old_oid, 'pg_class'))
      where obj_description(p.old_oid, 'pg_class') is distinct from obj_description(p.new_oid, 'pg_class')
     union all
     select format('comment on constraint %I on %s is %L', p.conname, p_name,
                   obj_description(p.constraint_id, 'pg_constraint'))
      where obj_description(p.constraint_id, 'pg_constraint') is not null
     union all
     select format('alter index %s alter column %s set statistics %s', p.name, a.attnum, coalesce(a.attstattarget, -1))
       from pg_attribute a
       join pg_attribute b on b.attrelid = p.new_oid and b.attnum = a.attnum
      where a.attrelid = p.old_oid
        and coalesce(a.attstattarget, -1) <> coalesce(b.attstattarget, -1)
     union all
     select format('alter table %s cluster on %I', p_name, p.relname) where p.indisclustered
     union all
     select format('alter table %s replica identity using index %I', p_name, p.relname) where p.indisreplident
   ) s(ddl);
$$;
COMMENT ON FUNCTION ampsync_private.index_steps(p_old regclass, p_new regclass, p_name text) IS 'Statements that complete the indexes of a table like those of the one that it replaces.';
CREATE FUNCTION ampsync_private.indexes_are_due(p_stream_id bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return exists (
    select 1
      from ampsync_private.stream s
      join ampsync_private.target_index t using (stream_id)
     where s.stream_id = p_stream_id
       and s.reached_head_at is not null
       and not ampsync_private.is_halted(s.state)
       and exists (select from pg_class c where c.oid = s.target)
       and t.state <> 'failed'
       and not exists (select from pg_index i
                        where i.indexrelid = t.index_id and i.indrelid = s.target and i.indisvalid));
end;
$$;
COMMENT ON FUNCTION ampsync_private.indexes_are_due(p_stream_id bigint) IS 'Whether a stream has indexes to build.';
CREATE FUNCTION ampsync_private.is_beside(p_shadow ampsync_private.stream) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return p_shadow.state <> 'former' and exists (
    select 1
      from ampsync_private.stream s
      join ampsync_private.upgrade u using (dataset_id)
     where s.stream_id = p_shadow.shadow_of
       and ampsync_private.is_upgraded(u, s)
  );
end;
$$;
COMMENT ON FUNCTION ampsync_private.is_beside(p_shadow ampsync_private.stream) IS 'Whether a shadow belongs to the upgrade of its dataset.';
CREATE FUNCTION ampsync_private.is_halted(p_state text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return p_state in ('paused', 'failed', 'orphaned', 'resyncing', 'former');
end;
$$;
COMMENT ON FUNCTION ampsync_private.is_halted(p_state text) IS 'Whether a stream in this state has no passes.';
CREATE TABLE ampsync_private.lease (
    stream_id bigint NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    holder text,
    acquired_at timestamp with time zone,
    lease_until timestamp with time zone,
    holds boolean DEFAULT false NOT NULL,
    rows_seen bigint DEFAULT 0 NOT NULL,
    seen_at timestamp with time zone,
    rows_per_s double precision,
    waits_for text,
    waits_hint text,
    declined_since timestamp with time zone,
    version text,
    manifest_hash text,
    stalled_since timestamp with time zone,
    takeovers bigint DEFAULT 0 NOT NULL,
    stalled_until timestamp with time zone
)
WITH (fillfactor='25', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='200', autovacuum_vacuum_cost_delay='0');
COMMENT ON TABLE ampsync_private.lease IS 'The right of one worker to write a stream, for a time; each grant raises the epoch and fences off older holders.';
CREATE FUNCTION ampsync_private.is_over(p_lease ampsync_private.lease) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return coalesce(p_lease.lease_until <= ampsync_private.now(), true)
         or ampsync_private.worker_is_dead(p_lease.holder);
end;
$$;
COMMENT ON FUNCTION ampsync_private.is_over(p_lease ampsync_private.lease) IS 'Whether another worker may take a lease.';
CREATE FUNCTION ampsync_private.is_paused(p_dataset ampsync_private.dataset) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return (p_dataset).state = 'paused'
      or coalesce((select bool_or(s.state = 'paused') and bool_and(s.state in ('paused', 'failed', 'orphaned'))
                     from ampsync_private.stream s
                    where s.dataset_id = (p_dataset).dataset_id
                      and s.shadow_of is null), false);
end;
$$;
COMMENT ON FUNCTION ampsync_private.is_paused(p_dataset ampsync_private.dataset) IS 'Whether somebody paused a dataset and has not resumed it.';
CREATE FUNCTION ampsync_private.is_polled(p_dataset ampsync_private.dataset) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return coalesce((p_dataset).revision, 'dev') = 'dev' -- Anything else is a fixed version.
     and coalesce((p_dataset).resolved_version, (p_dataset).resolved_hash) is not null
     and not ampsync_private.is_paused(p_dataset);
end;
$$;
COMMENT ON FUNCTION ampsync_private.is_polled(p_dataset ampsync_private.dataset) IS 'Whether new versions of a dataset are looked for.';
CREATE FUNCTION ampsync_private.is_shared_writer(p_role oid) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select pg_get_userbyid(p_role) = 'ampsync_worker'
         and has_schema_privilege(p_role, 'ampsync_worker', 'usage'); -- Without scans: every commit may ask.
$$;
COMMENT ON FUNCTION ampsync_private.is_shared_writer(p_role oid) IS 'Whether a role is ampsync_worker, in a database where it may work.';
CREATE TABLE ampsync_private.upgrade (
    dataset_id bigint NOT NULL,
    version text,
    manifest_hash text,
    tables jsonb,
    from_block bigint,
    started_at timestamp with time zone NOT NULL,
    frozen_at timestamp with time zone,
    freezes integer DEFAULT 0 NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_retry timestamp with time zone,
    error jsonb,
    CONSTRAINT upgrade_version_check CHECK ((COALESCE(version, manifest_hash) IS NOT NULL))
);
COMMENT ON TABLE ampsync_private.upgrade IS 'The version of a dataset that is built beside the one that is followed, until it replaces all tables at once.';
CREATE FUNCTION ampsync_private.is_upgraded(p_upgrade ampsync_private.upgrade, p_stream ampsync_private.stream) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return p_stream.query is null
     and coalesce((p_upgrade).tables @> jsonb_build_array(jsonb_build_object('table', p_stream.table_name)), false);
end;
$$;
COMMENT ON FUNCTION ampsync_private.is_upgraded(p_upgrade ampsync_private.upgrade, p_stream ampsync_private.stream) IS 'Whether the table of a stream is among those of an upgrade.';
CREATE FUNCTION ampsync_private.job_waits(p_job_key text, p_due timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return exists (
    select 1
      from graphile_worker.jobs j
     where j.key = p_job_key
       and (j.locked_at > ampsync_private.now() - ampsync_private.lease_duration()
            or (j.locked_at is not null and j.task_identifier = 'ampsync_swap'
                and ampsync_private.swap_runs(split_part(j.key, ':', 2)::bigint))
            or (j.locked_at is not null and j.task_identifier = 'ampsync_upgrade'
                and exists (select 1
                              from ampsync_private.stream s
                             where s.dataset_id = split_part(j.key, ':', 2)::bigint
                               and s.shadow_of is not null
                               and ampsync_private.swap_runs(s.stream_id)))
            or (j.locked_at is null and j.attempts < j.max_attempts
                and j.run_at <= greatest(p_due, ampsync_private.now()) + interval '1 min'))
  );
end;
$$;
COMMENT ON FUNCTION ampsync_private.job_waits(p_job_key text, p_due timestamp with time zone) IS 'Whether a job of this key is running, or will run in time.';
CREATE FUNCTION ampsync_private.join_cut(p_stream_id bigint) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  update ampsync_private.stream s
     set in_cut = true
    from (select j.stream_id
            from ampsync_private.stream j
           where j.stream_id = p_stream_id
             and j.shadow_of is null
             and j.state in ('live')
             and not j.in_cut
             for no key update skip locked) n
   where s.stream_id = n.stream_id
     and (not exists (select 1
                        from ampsync_private.stream o
                       where o.dataset_id = s.dataset_id
                         and o.network = s.network
                         and o.shadow_of is null
                         and o.state <> 'orphaned'
                         and o.in_cut)
          or ampsync_private.common_block(s.dataset_id, s.network, p_joining => s.stream_id)
             >= ampsync_private.common_block(s.dataset_id, s.network));
$$;
COMMENT ON FUNCTION ampsync_private.join_cut(p_stream_id bigint) IS 'Let a live stream take part in the cut of its dataset, if the cut does not go back by that.';
CREATE FUNCTION ampsync_private.journal(p_stream_id bigint, p_event text, p_details jsonb DEFAULT '{}'::jsonb, p_dataset_id bigint DEFAULT NULL::bigint) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with entry as (
    select ampsync_private.now() as at, d.label as dataset, s.table_name, ampsync_private.caller() as actor,
           case when s.shadow_of is not null then p_details || '{"shadow": true}' else p_details end as details
      from (select 1) once
      left join ampsync_private.stream s on s.stream_id = p_stream_id
      left join ampsync_private.dataset d on d.dataset_id = coalesce(s.dataset_id, p_dataset_id)
  ),
  recent as (
    select max(e.event_id) as event_id
      from (select * from ampsync_private.event n order by n.event_id desc limit 1000) e
     cross join entry t
     where e.event = p_event
       and p_event not like 'repair%'
       and e.dataset is not distinct from t.dataset
       and e.stream_id is not distinct from p_stream_id
       and e.actor is not distinct from t.actor
       and e.at > t.at - interval '1 min'
    having count(*) >= 10
  ),
  repeated as (
    update ampsync_private.event e
       set at      = t.at,
           details = t.details || jsonb_build_object('repeated', coalesce((e.details ->> 'repeated')::bigint, 0) + 1)
      from recent r
     cross join entry t
     where e.event_id = r.event_id
    returning e.event_id
  )
  insert into ampsync_private.event (at, event, dataset, table_name, stream_id, details, actor)
  select t.at, p_event, t.dataset, t.table_name, p_stream_id, t.details, t.actor
    from entry t
   where not exists (select 1 from repeated r);
$$;
COMMENT ON FUNCTION ampsync_private.journal(p_stream_id bigint, p_event text, p_details jsonb, p_dataset_id bigint) IS 'Append one event to the journal, in the caller''s transaction; frequent repeats share a row.';
CREATE FUNCTION ampsync_private.keep_former(p_stream_id bigint, p_table regclass) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_former_id bigint;
begin
  insert into ampsync_private.stream
         (dataset_id, table_name, shadow_of, target_schema, target_table, identity, target, columns, has_block_num,
          network, version, manifest_hash, version_since, from_block, state, since, origin, checkpoint_block,
          checkpoint_hash, block_time, committed_at, row_total, rewrites, nul_counts, nulled_counts)
  select s.dataset_id, s.table_name, s.stream_id, n.nspname, c.relname, s.identity, c.oid, s.columns, s.has_block_num,
         s.network, s.version, s.manifest_hash, s.version_since, s.from_block, 'former', ampsync_private.now(),
         s.origin, s.checkpoint_block, s.checkpoint_hash, s.block_time, s.committed_at,
         s.row_total, s.rewrites, s.nul_counts,
         s.nulled_counts
    from ampsync_private.stream s
    join pg_class c on c.oid = p_table
    join pg_namespace n on n.oid = c.relnamespace
   where s.stream_id = p_stream_id
  returning stream_id into strict v_former_id;
  perform ampsync_private.move_records(p_stream_id, v_former_id);
  return v_former_id;
end;
$$;
COMMENT ON FUNCTION ampsync_private.keep_former(p_stream_id bigint, p_table regclass) IS 'Keep the records of a stream, with a table that has its rows, as a stream in state former.';
CREATE FUNCTION ampsync_private.kept_grants(p_old regclass, p_new regclass) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select jsonb_agg(g.entry order by g.entry)
    from (select jsonb_array_elements(ampsync_private.grants_of(p_old,
                   (select coalesce(array_agg(f.name), '{}')
                      from ampsync_private.column_fate(p_old, ampsync_private.table_columns(p_new)) f
                     where f.gone)))
          union all
          select e.value
            from jsonb_array_elements(ampsync_private.grants_of(p_new, '{}')) e
            join ampsync_private.column_fate(p_new, ampsync_private.table_columns(p_old)) f
              on f.gone and f.name = e.value ->> 'column') g(entry);
$$;
COMMENT ON FUNCTION ampsync_private.kept_grants(p_old regclass, p_new regclass) IS 'The grants that a table gets which replaces another one.';
CREATE FUNCTION ampsync_private.key_columns(p_identity text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select case p_identity when 'content' then '{_id}'::text[] when 'transaction' then '{_tx_id,_row_index}' end;
$$;
COMMENT ON FUNCTION ampsync_private.key_columns(p_identity text) IS 'The columns of the primary key of a target.';
CREATE FUNCTION ampsync_private.lease_duration() RETURNS interval
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return interval '30 s';
end;
$$;
COMMENT ON FUNCTION ampsync_private.lease_duration() IS 'How long a lease, and a worker, counts as alive after its last heartbeat.';
CREATE FUNCTION ampsync_private.leaves_to_others(p_stream_id bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_now   timestamptz := ampsync_private.now();
  v_since timestamptz;
begin
  select l.declined_since into v_since from ampsync_private.lease l where l.stream_id = p_stream_id;
  if v_since between v_now - interval '1 min' and v_now - interval '10 s' then
    return false;
  end if;
  update ampsync_private.lease l -- What is older, or lies ahead of a clock that was set back, says nothing.
     set declined_since = v_now
   where l.stream_id = p_stream_id
     and (l.declined_since between v_now - interval '10 s' and v_now) is not true;
  perform ampsync_private.schedule_stream(p_stream_id, v_now + interval '1 s');
  return true;
end;
$$;
COMMENT ON FUNCTION ampsync_private.leaves_to_others(p_stream_id bigint) IS 'Whether a worker that gives way leaves a stream to others; queues its next pass then.';
CREATE FUNCTION ampsync_private.let_go_on(p_stream_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  update ampsync_private.stream s
     set state = 'retrying', since = ampsync_private.now()
   where s.stream_id = p_stream_id
     and s.state = 'resyncing';
  if found then
    perform ampsync_private.schedule_stream(p_stream_id);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.let_go_on(p_stream_id bigint) IS 'Let a stream that stood still for a resync follow the chain again.';
CREATE FUNCTION ampsync_private.load_beside(p_dataset_id bigint, p_table text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  select concat(
           case when d.resolved_tables is not null or d.attempts > 0
                then format('select ampsync.drop_sync(%L); ', d.label) end,
           format('select ampsync.enqueue_sync(%L%s, target_schema => %L);', d.label,
                  case when d.tables is not null then format(', tables => %L', d.tables) end, c.name))
    from ampsync_private.dataset d
   cross join generate_series(0, 1000) n(n)
   cross join lateral (
     select case n.n when 0 then d.name when 1 then 'data_' || left(d.name, 58)
                     else left(d.name, 58) || '_' || n.n end as name
   ) c
   where d.dataset_id = p_dataset_id
     and ampsync_private.earlier_ampsync(d.target_schema, p_table) is not null
     and c.name <> d.target_schema
     and c.name !~ '^(pg_|ampsync|public$|information_schema$)' -- As check_sync_options.
     and c.name not in (select q.schema_name from ampsync_private.queue q)
     and to_regclass(format('%I.%I', c.name, p_table)) is null
   order by n.n
   limit 1;
$_$;
COMMENT ON FUNCTION ampsync_private.load_beside(p_dataset_id bigint, p_table text) IS 'A statement that loads a dataset beside a table of the Rust ampsync.';
CREATE FUNCTION ampsync_private.lock_dataset(p_dataset_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '5s'
    AS $$
begin
  perform 1
     from ampsync_private.dataset d
    where d.dataset_id = p_dataset_id
      for no key update;
exception
  when lock_not_available then
    perform ampsync_private.raise_deciding(p_dataset_id);
end;
$$;
COMMENT ON FUNCTION ampsync_private.lock_dataset(p_dataset_id bigint) IS 'Lock the row of a dataset; 55P03 after 5 s.';
CREATE FUNCTION ampsync_private.lock_for_change(p_targets regclass[], p_attempt integer) RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '300ms'
    AS $$
declare
  v_until  timestamptz;
  v_target regclass;
  v_name   text;
  v_before integer[];
  v_other  record;
begin
  perform ampsync_private.end_index_builds(p_targets::oid[]);
  v_until := ampsync_private.now() + interval '300 ms';
  if p_attempt % 4 = 0 then
    select ampsync_private.now() + 500 * interval '1 ms' + current_setting('deadlock_timeout')::interval into v_until
     where not exists (select 1
                         from unnest(p_targets) t(target)
                        cross join lateral ampsync_private.table_holders(t.target) h
                        where not h.is_autovacuum);
    v_until := coalesce(v_until, ampsync_private.now() + interval '300 ms');
  end if;
  for v_target in
    select t.target
      from unnest(p_targets) t(target)
      join pg_class c on c.oid = t.target
     order by c.oid
  loop
    v_name := v_target::text;
    select coalesce(array_agg(coalesce(h.pid, 0)), '{}') into v_before
      from ampsync_private.table_holders(v_target) h;
    perform set_config('lock_timeout',
              greatest(1, ceil(1000 * extract(epoch from v_until - ampsync_private.now())))::text, true);
    begin
      execute format('lock table %s in access exclusive mode', v_name);
    exception when lock_not_available or undefined_table or invalid_schema_name then
      select string_agg(h.holder, ', ' order by h.pid) as holders,
             string_agg(format('select pg_terminate_backend(%s);', h.pid), ' ' order by h.pid)
               filter (where not h.is_autovacuum) as ends,
             coalesce(jsonb_agg(h.pid), '[]') as pids
        into v_other
        from ampsync_private.table_holders(v_target) h
       where coalesce(h.pid, 0) = any (v_before); -- Not those who waited behind this call.
      return jsonb_build_object(
        'code', '55P03',
        'message', format('table %s is to be changed for a new schema, but is in use', v_name),
        'detail', coalesce(format('Used by %s.', v_other.holders), 'Whoever used it has ended meanwhile.'),
        'hint', coalesce(v_other.ends || ' -- Ends what uses it; retried automatically in any case.',
                         'Retried automatically: select * from ampsync.streams;'),
        'pids', v_other.pids);
    end;
    if v_target::text <> v_name then -- Renamed before it was locked.
      return jsonb_build_object(
        'code', '55P03',
        'message', format('table %s was renamed while it was about to be changed', v_name),
        'detail', format('It is %s now.', v_target),
        'hint', 'Retried automatically: select * from ampsync.streams;');
    end if;
  end loop;
  return null;
end;
$$;
COMMENT ON FUNCTION ampsync_private.lock_for_change(p_targets regclass[], p_attempt integer) IS 'Lock targets that are to be changed, within 300 ms; otherwise returns what is in the way.';
CREATE FUNCTION ampsync_private.lock_holders(p_key bigint) RETURNS TABLE(pid integer, mode text, is_ours boolean, is_mortal boolean)
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select k.pid, k.mode,
         coalesce(has_schema_privilege(a.usesysid, 'ampsync_worker', 'usage')
                  or exists (select from pg_proc p
                              where p.proname = 'pause_sync' and p.pronamespace = n.oid
                                and has_function_privilege(a.usesysid, p.oid, 'execute')), false),
         coalesce(pg_has_role(a.usesysid, 'usage') or pg_has_role('pg_signal_backend', 'usage') and not r.rolsuper,
                  false)
    from pg_locks k
    left join pg_stat_activity a using (pid)
    left join pg_roles r on r.oid = a.usesysid
    left join pg_namespace n on n.nspname = 'ampsync'
   where k.classid::bigint = ((p_key >> 32) & 4294967295)
     and k.objid::bigint = (p_key & 4294967295)
     and k.locktype = 'advisory' and k.objsubid = 1 and k.granted
     and k.database = (select d.oid from pg_database d where d.datname = current_database());
$$;
COMMENT ON FUNCTION ampsync_private.lock_holders(p_key bigint) IS 'Backends that hold an advisory lock, and in which mode.';
CREATE FUNCTION ampsync_private.lock_reference(p_reference text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_dataset_id bigint := ampsync_private.find_dataset(p_reference);
  v_locked_id  bigint;
begin
  while v_dataset_id is distinct from v_locked_id loop
    perform ampsync_private.lock_dataset(v_dataset_id);
    v_locked_id := v_dataset_id;
    v_dataset_id := ampsync_private.find_dataset(p_reference);
  end loop;
  return v_dataset_id;
end;
$$;
COMMENT ON FUNCTION ampsync_private.lock_reference(p_reference text) IS 'Lock the row of the synced dataset that a reference means; SY003 also if it was dropped meanwhile.';
CREATE FUNCTION ampsync_private.lock_replacement(p_tables regclass[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '300ms'
    SET jit TO 'off'
    AS $$
declare
  v_until timestamptz;
  v_lock  record;
begin
  perform ampsync_private.end_index_builds(p_tables::oid[]);
  v_until := ampsync_private.now() + interval '300 ms';
  for v_lock in
    with dependent as (
      select v.view as relation, -v.level as level
        from unnest(p_tables) t(oid)
       cross join lateral ampsync_private.dependent_views(t.oid, '{}') v
      union all
      select coalesce(p.polrelid, r.ev_class), 0
        from unnest(p_tables) t(oid)
       cross join lateral ampsync_private.dependents(t.oid) d
        left join pg_policy p on d.class_id = 'pg_policy'::regclass and p.oid = d.object_id
        left join pg_rewrite r on d.class_id = 'pg_rewrite'::regclass and r.oid = d.object_id
                                                                              and r.rulename <> '_RETURN'
       where coalesce(p.polrelid, r.ev_class) <> all (p_tables)
      union all
      select t.oid, 1
        from unnest(p_tables) t(oid)
    )
    select c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) as name, pg_get_userbyid(c.relowner) as owner
      from dependent d
      join pg_class c on c.oid = d.relation
      join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v')
     group by c.oid, c.relkind, n.nspname, c.relname, c.relowner
     order by min(d.level), c.oid
  loop
    perform set_config('lock_timeout',
                       greatest(1, ceil(extract(epoch from v_until - ampsync_private.now()) * 1000)) || 'ms', true);
    if v_lock.relkind = 'v' then -- LOCK TABLE would lock all tables that the view reads.
      execute format('alter view %s owner to %I', v_lock.name, v_lock.owner);
    else
      execute format('lock table only %s in access exclusive mode', v_lock.name);
    end if;
  end loop;
  perform set_config('lock_timeout',
                     greatest(1, ceil(extract(epoch from v_until - ampsync_private.now()) * 1000)) || 'ms', true);
  perform ampsync_private.hold_functions(p_tables);
end;
$$;
COMMENT ON FUNCTION ampsync_private.lock_replacement(p_tables regclass[]) IS 'Lock tables that are to be replaced, and what reads them, within 300 ms.';
CREATE FUNCTION ampsync_private.lock_tables(p_targets regclass[], p_others regclass[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '5s'
    AS $$
declare
  v_table   regclass;
  v_waits   jsonb;
  v_holders text;
begin
  for v_table in
    select c.oid::regclass from pg_class c where c.oid = any (p_others) order by c.oid
  loop
    execute format('lock table %s in access exclusive mode', v_table);
  end loop;
  for v_attempt in 1..10 loop
    exit when p_targets = '{}';
    begin
      if v_attempt % 4 = 0 then
        v_waits := ampsync_private.lock_for_change(p_targets, v_attempt);
        if v_waits is not null then
          raise exception using
            errcode = v_waits ->> 'code', message = v_waits ->> 'message', detail = v_waits ->> 'detail',
            hint = v_waits ->> 'hint';
        end if;
      end if;
      perform ampsync_private.lock_replacement(p_targets || p_others);
      return;
    exception
      when lock_not_available or undefined_table or invalid_schema_name then -- In use, or just renamed.
        if v_attempt = 10 then
          select string_agg(distinct h.holder, ', ') into v_holders
            from unnest(p_targets) t(target)
           cross join lateral ampsync_private.table_holders(t.target) h;
          raise exception using
            errcode = '55P03',
            message = format('a table that is to be replaced is in use: %s', array_to_string(p_targets, ', ')),
            detail  = coalesce(format('Used by %s.', v_holders), 'Whoever used it has ended meanwhile.'),
            hint    = 'Retried automatically. A transaction that stays open on the table has to end first.';
        end if;
        perform pg_sleep(least(v_attempt, 5) * 0.2);
    end;
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_private.lock_tables(p_targets regclass[], p_others regclass[]) IS 'Lock targets that are to be replaced, all or none, without holding up others for long; 55P03 after about 10 s.';
CREATE PROCEDURE ampsync_private.lock_target(IN p_stream_id bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream ampsync_private.stream;
  v_name   text;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  v_name := format('%I.%I', v_stream.target_schema, v_stream.target_table);
  if to_regclass(v_name) = v_stream.target then
    begin
      execute format('lock table %s in row exclusive mode', v_name);
    exception
      when undefined_table or invalid_schema_name then
        null; -- Renamed or dropped while this call waited: check_target says which.
      when insufficient_privilege then
        perform ampsync_private.check_target(v_stream); -- Somebody else's, perhaps, which says more.
        raise;
    end;
  end if;
  perform ampsync_private.check_target(v_stream);
end;
$$;
COMMENT ON PROCEDURE ampsync_private.lock_target(IN p_stream_id bigint) IS 'Lock a stream''s target by its name and prove that it is the stream''s table.';
CREATE FUNCTION ampsync_private.long_values(p_methods text[]) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select case when 'lz4' = any (p_methods) then 'set compression lz4' else 'set storage external' end;
$$;
COMMENT ON FUNCTION ampsync_private.long_values(p_methods text[]) IS 'How a target stores long bytea and text, by the compression methods of the server.';
CREATE TABLE ampsync_private.target_index (
    stream_id bigint NOT NULL,
    method text NOT NULL,
    columns text[] NOT NULL,
    options smallint[] NOT NULL,
    "position" integer NOT NULL,
    index_name text,
    index_id oid,
    builder_pid integer,
    state text DEFAULT 'waiting'::text NOT NULL,
    since timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_retry timestamp with time zone,
    error jsonb,
    CONSTRAINT target_index_columns_check CHECK ((cardinality(columns) = cardinality(options))),
    CONSTRAINT target_index_method_check CHECK ((method = ANY (ARRAY['btree'::text, 'brin'::text]))),
    CONSTRAINT target_index_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'building'::text, 'valid'::text, 'failed'::text]))),
    CONSTRAINT target_index_valid_check CHECK (((state = 'valid'::text) = (index_id IS NOT NULL)))
);
COMMENT ON TABLE ampsync_private.target_index IS 'The indexes that a target shall have beside its primary key, and what became of each.';
CREATE FUNCTION ampsync_private.mark_index_valid(p_index ampsync_private.target_index, p_index_id oid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  update ampsync_private.target_index t
     set state = 'valid', index_id = p_index_id, since = ampsync_private.now(), attempts = 0, next_retry = null,
         error = null
   where (t.stream_id, t.method, t.columns, t.options)
         = (p_index.stream_id, p_index.method, p_index.columns, p_index.options)
     and t.index_id is distinct from p_index_id;
  if found then
    perform ampsync_private.journal(p_index.stream_id, 'index_valid', jsonb_build_object(
      'index', p_index_id::regclass::text,
      'columns', ampsync_private.index_column_list(p_index.columns, p_index.options),
      'seconds', case when p_index.state = 'building'
                      then round(extract(epoch from ampsync_private.now() - p_index.since), 1) end));
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.mark_index_valid(p_index ampsync_private.target_index, p_index_id oid) IS 'Record that an index is there.';
CREATE FUNCTION ampsync_private.measure_rows(p_target regclass, p_identity text, p_first_blocks bigint[], p_last_blocks bigint[]) RETURNS TABLE(first_block bigint, last_block bigint, row_count bigint, id_xor bigint)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET jit TO 'off'
    AS $_$
begin
  return query execute format(
    'select r.first_block, r.last_block, m.row_count, m.id_xor
       from unnest($1, $2) r(first_block, last_block)
      cross join lateral (
        select count(*) as row_count,
               %s as id_xor
          from %s t
         where %s) m',
    case p_identity
      when 'content' then 'coalesce(bit_xor((''x'' || encode(substr(t._id, 9), ''hex''))::bit(64)::bigint), 0)'
      else '0::bigint' end,
    p_target, ampsync_private.in_blocks(p_identity, 'r.first_block', 'r.last_block + 1'))
    using p_first_blocks, p_last_blocks;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.measure_rows(p_target regclass, p_identity text, p_first_blocks bigint[], p_last_blocks bigint[]) IS 'Rows of a target in ranges of blocks, and the xor of the last 8 bytes of their _id.';
CREATE FUNCTION ampsync_private.merge_rows(p_target regclass, p_other regclass, p_columns text, p_exchange boolean, OUT deleted bigint, OUT inserted bigint) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    AS $_$
declare
  v_lacks constant text := 'from %s l where not exists (select 1 from %s o where o._id = l._id)';
  v_count bigint;
begin
  -- Names are written for each statement: the schema may be renamed meanwhile, which the caller finds out.
  if p_exchange then
    if exists (select 1 from pg_class c where c.oid = p_target and (c.relhastriggers or c.relhasrules)) then
      execute format('select count(*) ' || v_lacks, p_target, p_other) into v_count;
    end if;
    -- One statement: both differences are those between the tables as they were.
    execute format(
      'with gone as (delete from %1$s l where not exists (select 1 from %2$s o where o._id = l._id) returning %3$s),
            fresh as (delete from %2$s o where not exists (select 1 from %1$s l where l._id = o._id) returning %3$s),
            kept as (insert into %2$s (%3$s) select %3$s from gone returning 1),
            taken as (insert into %1$s (%3$s)
                      select %3$s from fresh where (select count(*) from kept) >= 0 returning 1)
       select (select count(*) from kept), (select count(*) from taken)',
      p_target, p_other, p_columns)
       into deleted, inserted;
    if deleted < v_count then
      call ampsync_private.raise_rows_kept(p_target);
    end if;
    return;
  end if;
  execute format('delete ' || v_lacks, p_target, p_other);
  get diagnostics deleted = row_count;
  if exists (select 1 from pg_class c where c.oid = p_target and (c.relhastriggers or c.relhasrules)) then
    execute format('select count(*) from (select 1 ' || v_lacks || ' limit 1) f', p_target, p_other) into v_count;
    if v_count > 0 then
      call ampsync_private.raise_rows_kept(p_target);
    end if;
  end if;
  execute format('insert into %1$s (%3$s)
                  select %3$s from %2$s o where not exists (select 1 from %1$s l where l._id = o._id)',
                 p_target, p_other, p_columns);
  get diagnostics inserted = row_count;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.merge_rows(p_target regclass, p_other regclass, p_columns text, p_exchange boolean, OUT deleted bigint, OUT inserted bigint) IS 'Make the rows of a target those of another table, by their difference.';
CREATE FUNCTION ampsync_private.missing_index_columns(p_target regclass, p_columns text[]) RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select array(
    select c.name
      from unnest(p_columns) with ordinality c(name, position)
     where exists (select from pg_class t where t.oid = p_target)
       and not exists (select from pg_attribute a
                        where a.attrelid = p_target and a.attname = c.name and a.attnum > 0 and not a.attisdropped)
     order by c.position);
$$;
COMMENT ON FUNCTION ampsync_private.missing_index_columns(p_target regclass, p_columns text[]) IS 'The columns that a table lacks; none while there is no table.';
CREATE FUNCTION ampsync_private.move_records(p_from_id bigint, p_to_id bigint) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  update ampsync_private.history h set stream_id = p_to_id where h.stream_id = p_from_id;
  update ampsync_private.ledger l set stream_id = p_to_id where l.stream_id = p_from_id;
  update ampsync_private.reject r set stream_id = p_to_id where r.stream_id = p_from_id;
  update ampsync_private.version_history v set stream_id = p_to_id where v.stream_id = p_from_id;
$$;
COMMENT ON FUNCTION ampsync_private.move_records(p_from_id bigint, p_to_id bigint) IS 'Give the records of one stream to another.';
CREATE FUNCTION ampsync_private.named_hash_column(p_stream_id bigint) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select case when c.names @> '{block_hash}' then 'block_hash'
              when c.names @> '{hash,parent_hash}' then 'hash' end
    from ampsync_private.stream s
   cross join lateral (
      select array_agg(e.value ->> 'name') as names
        from jsonb_array_elements(s.columns) e
       where e.value ->> 'type' = 'bytea'
    ) c
   where s.stream_id = p_stream_id
     and s.has_block_num
     and s.query is null; -- What a query calls so may be anything.
$$;
COMMENT ON FUNCTION ampsync_private.named_hash_column(p_stream_id bigint) IS 'The column of a stream''s target that, by its name, holds the hash of the row''s block.';
CREATE FUNCTION ampsync_private.named_tables(p_dataset ampsync_private.dataset) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select array((select t.name from unnest(p_dataset.tables) t(name)
                 union
                select k.name from jsonb_object_keys(p_dataset.rename || p_dataset.exclude_columns) k(name))
                except
               select q.name from jsonb_object_keys(p_dataset.queries) q(name));
$$;
COMMENT ON FUNCTION ampsync_private.named_tables(p_dataset ampsync_private.dataset) IS 'The tables that the options of a dataset name.';
CREATE FUNCTION ampsync_private.names_new_table(p_dataset ampsync_private.dataset, p_tables text[], p_rename jsonb, p_queries jsonb) RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  select exists (
    select t.name
      from (select unnest(p_tables)
             union all
            select k.name
              from (values (p_rename), (p_queries)) o(option)
             cross join jsonb_path_query(jsonb_strip_nulls(o.option), '$.keyvalue().key', silent => true) j(key)
             cross join lateral (select j.key #>> '{}') k(name)) t(name)
     where t.name <> all (coalesce(p_dataset.tables, '{}'))
       and not p_dataset.rename ? t.name
       and not exists (select 1
                         from ampsync_private.stream s
                        where s.dataset_id = p_dataset.dataset_id
                          and s.table_name = t.name));
$_$;
COMMENT ON FUNCTION ampsync_private.names_new_table(p_dataset ampsync_private.dataset, p_tables text[], p_rename jsonb, p_queries jsonb) IS 'Whether options name a table that a dataset does not sync or name yet.';
CREATE FUNCTION ampsync_private.narrow_fault(p_stream_id bigint, p_first_block bigint, p_last_block bigint, p_row_count bigint, p_found_count bigint, p_xor bigint) RETURNS TABLE(finding text, first_block bigint, last_block bigint)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $_$
#variable_conflict use_column
declare
  v_stream ampsync_private.stream;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  if v_stream.has_block_num and p_row_count = p_last_block - p_first_block + 1 then
    return query execute format(
      $sql$
      select case when r.row_count = 0 then 'missing block' else 'extra rows' end, min(r.block), max(r.block)
        from (select b.block, count(%2$s) as row_count,
                     b.block - row_number() over (partition by sign(count(%2$s)) order by b.block) as island
                from generate_series($1, $2) b(block)
                left join %1$s t
                  on %3$s
               group by b.block
              having count(%2$s) <> 1) r
       group by r.island, r.row_count = 0
       order by 2
      $sql$, v_stream.target, ampsync_private.block_key(v_stream.identity),
      ampsync_private.in_blocks(v_stream.identity, 'b.block', 'b.block + 1'))
      using p_first_block, p_last_block;
    if found then
      return;
    end if;
  end if;
  if p_found_count = p_row_count + 1 and v_stream.identity = 'content' then
    return query execute format(
      $sql$
      select 'extra rows',
             case when $4 then ampsync_private.block_of(t._id) else $1 end,
             ampsync_private.block_of(t._id)
        from %s t
       where t._id >= ampsync_private.block_prefix($1) and t._id < ampsync_private.block_prefix($2 + 1)
         and substr(t._id, 9) = int8send($3)
       limit 1
      $sql$, v_stream.target)
      using p_first_block, p_last_block, p_xor, v_stream.has_block_num;
    if found then
      return;
    end if;
  end if;
  return query
  select case when p_found_count < p_row_count then 'missing rows'
              when p_found_count > p_row_count then 'extra rows'
              else 'changed rows' end, p_first_block, p_last_block;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.narrow_fault(p_stream_id bigint, p_first_block bigint, p_last_block bigint, p_row_count bigint, p_found_count bigint, p_xor bigint) IS 'The narrowest ranges in which the rows of a stream differ from a ledger entry.';
CREATE FUNCTION ampsync_private.newest_row(p_stream_id bigint) RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
declare
  v_stream ampsync_private.stream;
  v_block  bigint;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  execute format('select %s from %s t order by %s desc limit 1', ampsync_private.row_block(v_stream.identity),
                 v_stream.target, ampsync_private.block_key(v_stream.identity))
     into v_block;
  return v_block;
end;
$$;
COMMENT ON FUNCTION ampsync_private.newest_row(p_stream_id bigint) IS 'The newest block that has a row in a stream''s target.';
CREATE FUNCTION ampsync_private.newest_rows_differ(p_live ampsync_private.stream, p_shadow ampsync_private.stream) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $_$
declare
  v_columns text;
  v_differ  boolean;
begin
  if not (p_live.has_block_num and p_shadow.has_block_num)
     or jsonb_path_query_array(p_live.columns, '$[*].name')
        <> jsonb_path_query_array(p_shadow.columns, '$[*].name') then
    return false;
  end if;
  select string_agg(format('t.%I', c.value ->> 'name'), ', ' order by c.ordinality) into strict v_columns
    from jsonb_array_elements(p_live.columns) with ordinality c;
  execute format(
    $sql$
    with newest as (
      select greatest((select max(t._block_num_end) from %1$s t where %3$s),
                      (select max(t._block_num_end) from %2$s t where %3$s)) as block
    )
    select (select array_agg(row(%4$s)::text order by row(%4$s)::text) from %1$s t where t._block_num_end = n.block)
           is distinct from
           (select array_agg(row(%4$s)::text order by row(%4$s)::text) from %2$s t where t._block_num_end = n.block)
      from newest n
    $sql$, p_live.target, p_shadow.target, ampsync_private.in_blocks('transaction', '$1', '$2'), v_columns)
     into v_differ
    using greatest(p_live.from_block, p_shadow.from_block), p_shadow.checkpoint_block + 1; -- What both load.
  return v_differ;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.newest_rows_differ(p_live ampsync_private.stream, p_shadow ampsync_private.stream) IS 'Whether a stream of identity transaction and its shadow have other rows in their newest block.';
CREATE FUNCTION ampsync_private.notify_waits() RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return exists (select 1
                   from pg_locks k
                  where k.locktype = 'object' and k.classid = 'pg_database'::regclass
                    and k.objid = 0 and k.granted);
end;
$$;
COMMENT ON FUNCTION ampsync_private.notify_waits() IS 'Whether another transaction holds the lock that a NOTIFY needs.';
CREATE FUNCTION ampsync_private.now() RETURNS timestamp with time zone
    LANGUAGE plpgsql PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return clock_timestamp();
end;
$$;
COMMENT ON FUNCTION ampsync_private.now() IS 'The current time, even inside long transactions. The only clock that ampsync reads.';
CREATE FUNCTION ampsync_private.offer_version(p_dataset_id bigint, p_version text, p_manifest_hash text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
COMMENT ON FUNCTION ampsync_private.offer_version(p_dataset_id bigint, p_version text, p_manifest_hash text) IS 'Note the version that a dataset should follow from now on; false if it is known.';
CREATE FUNCTION ampsync_private.open_to_readers(p_relation regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_schema record;
begin
  if not exists (select from pg_roles r
                  where r.rolname = 'ampsync_reader' and has_schema_privilege(r.oid, 'ampsync', 'usage')) then
    return;
  end if;
  execute format('grant select on %s to ampsync_reader', p_relation);
  select n.nspname as name,
         pg_has_role(n.nspowner, 'usage')
           and not has_schema_privilege('ampsync_reader', n.oid, 'usage') as is_closed
    into strict v_schema
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.oid = p_relation;
  if v_schema.is_closed then
    execute format('grant usage on schema %I to ampsync_reader', v_schema.name);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.open_to_readers(p_relation regclass) IS 'Let ampsync_reader read a new table or view in a target schema, where that role exists.';
CREATE FUNCTION ampsync_private.orphan_stream(p_stream_id bigint, p_version text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream ampsync_private.stream;
begin
  update ampsync_private.stream s
     set state = 'orphaned', since = ampsync_private.now(), attempts = 0, next_retry = null,
         in_cut = false, -- If it goes on one day, the cut does not wait for it.
         error = jsonb_build_object(
           'code', 'SY103',
           'message', format('version %s has no table %s', p_version, s.table_name),
           'detail', 'Its rows are kept. Its stream goes on once a later version has the table.',
           'hint', 'select * from ampsync.version_history;')
   where s.stream_id = p_stream_id
     and s.state <> 'orphaned'
  returning * into v_stream;
  if found then
    perform ampsync_private.journal(p_stream_id, 'table_orphaned', jsonb_build_object(
              'version', p_version, 'block', v_stream.checkpoint_block));
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.orphan_stream(p_stream_id bigint, p_version text) IS 'Stop a stream whose table the version of its dataset does not have.';
CREATE FUNCTION ampsync_private.own_columns(p_stream ampsync_private.stream) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select '_id, _block_num_start, _block_num_end' || case when p_stream.has_block_num then ', _block_num' else '' end
         || coalesce(string_agg(format(', %I', c.value ->> 'name'), '' order by c.ordinality), '')
    from jsonb_array_elements(p_stream.columns) with ordinality c;
$$;
COMMENT ON FUNCTION ampsync_private.own_columns(p_stream ampsync_private.stream) IS 'The columns that ampsync writes to a stream''s table, as a list for SQL.';
CREATE FUNCTION ampsync_private.own_hash(p_stream_id bigint, p_block bigint) RETURNS bytea
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select coalesce(
    (select h.hash
       from ampsync_private.history h
      where h.stream_id = p_stream_id
        and h.last_block = p_block),
    ampsync_private.hash_in_rows(p_stream_id, ampsync_private.hash_column(p_stream_id), p_block));
$$;
COMMENT ON FUNCTION ampsync_private.own_hash(p_stream_id bigint, p_block bigint) IS 'The hash of a block in this stream''s own history or rows; null if it is in neither.';
CREATE FUNCTION ampsync_private.own_storage(p_old regclass, p_new regclass) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with setting as (
    select c.oid, o.option_name, o.option_value
      from pg_class c
     cross join lateral pg_options_to_table(c.reloptions) o
     where c.oid in (p_old, p_new)
  ), clause (clause) as (
    select format('set (%s)', string_agg(format('%s = %L', s.option_name, s.option_value), ', '))
      from setting s
     where s.oid = p_new
       and s.option_name not in (select t.option_name from setting t where t.oid = p_old)
    having count(*) > 0
     union all
    select case when n.attcompression = 'l' then format('alter column %I set compression lz4', n.attname)
                else format('alter column %I set storage external', n.attname) end
      from pg_attribute n
      join pg_attribute o on o.attrelid = p_old and o.attname = n.attname and not o.attisdropped
      join pg_type t on t.oid = o.atttypid
     where n.attrelid = p_new
       and n.attnum > 0
       and not n.attisdropped
       and (n.attcompression = 'l' or n.attstorage = 'e')
       and o.attcompression = ''
       and o.attstorage = t.typstorage
  )
  select string_agg(c.clause, ', ') from clause c;
$$;
COMMENT ON FUNCTION ampsync_private.own_storage(p_old regclass, p_new regclass) IS 'Storage settings of a table of ours that the table whose place it takes does not set.';
CREATE FUNCTION ampsync_private.parse_index_column(p_text text, OUT column_name text, OUT options smallint) RETURNS record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  v_parts text[] := regexp_match(
    p_text,
    '^ *(?:"((?:[^"]|"")+)"|([^[:space:]"(),;]+))(?: +(asc|desc))?(?: +nulls +(first|last))? *$', 'i');
begin
  if v_parts is null then
    raise exception using
      errcode = 'SY004',
      message = format('%s is not a column of an index', coalesce(quote_literal(left(p_text, 100)), 'null')),
      detail  = 'A column name, then optionally asc or desc, then optionally nulls first or nulls last. '
                'Expressions are not offered here; an index of your own with one is kept.',
      hint    = 'select ampsync.enqueue_sync(''my_dataset'', '
                'indexes => ''{"logs": [["address", "_block_num desc"]]}'');';
  end if;
  column_name := coalesce(replace(v_parts[1], '""', '"'), v_parts[2]);
  options := case when lower(v_parts[3]) = 'desc' then 1 else 0 end;
  if coalesce(lower(v_parts[4]) = 'first', options = 1) then -- The default of PostgreSQL: nulls are the largest.
    options := options + 2;
  end if;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.parse_index_column(p_text text, OUT column_name text, OUT options smallint) IS 'Column name and order of one column of a declared index; raises SY004 for anything else.';
CREATE FUNCTION ampsync_private.parse_reference(p_reference text, OUT namespace text, OUT name text, OUT revision text) RETURNS record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  v_parts text[];
begin
  v_parts := regexp_match(p_reference, '^(?:([a-z0-9_]+)/)?([a-z_][a-z0-9_]*)(?:@(.+))?$');
  if v_parts is null
     or octet_length(v_parts[1]) > 63 or octet_length(v_parts[2]) > 63 or octet_length(v_parts[3]) > 128
     or v_parts[3] !~ '^([0-9]+[.][0-9]+[.][0-9]+(-[0-9A-Za-z.-]+)?([+][0-9A-Za-z.-]+)?|[0-9a-f]{64}|latest|dev)$' then
    raise exception using
      errcode = 'SY004',
      message = format('%s is not a dataset reference', coalesce(quote_literal(left(p_reference, 200)), 'null')),
      detail  = 'Expected [namespace/]name[@revision]: name and namespace in lower case letters, digits and '
                'underscores, at most 63 of them; revision a version like 1.2.0, a hash of 64 hexadecimal digits, '
                'latest or dev.',
      hint    = 'select ampsync.enqueue_sync(''my_namespace/my_dataset@1.2.0'');';
  end if;
  namespace := coalesce(v_parts[1], '_');
  name      := v_parts[2];
  revision  := nullif(v_parts[3], 'latest');
end;
$_$;
COMMENT ON FUNCTION ampsync_private.parse_reference(p_reference text, OUT namespace text, OUT name text, OUT revision text) IS 'Parse a dataset reference; SY004 for text that is none.';
CREATE FUNCTION ampsync_private.passes_wait(p_streams bigint[], p_epochs bigint[], p_writer_s numeric[], p_waits text[], p_waits_s numeric[]) RETURNS TABLE(stream_id bigint, reason text, hint text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
begin
  return query
  with waiting as materialized (
    select *
      from unnest(p_streams, p_epochs, p_writer_s, p_waits, p_waits_s) p (stream_id, epoch, writer_s, waits, waits_s)
     where p.writer_s >= 1 or p.waits_s >= 5
  )
  select p.stream_id, w.reason, w.hint
    from waiting p
   cross join lateral ampsync_private.fence_waits(p.stream_id, p.epoch, p.writer_s) w
   where p.writer_s >= 1
   union all
  select p.stream_id,
         format(case p.waits when 'permit' then 'has waited %s s for one of its worker''s writing transactions'
                     else 'has waited %s s for its turn: other tables of its worker catch up' end, round(p.waits_s)),
         case p.waits when 'permit'
                then 'All MAX_CONCURRENT_BATCHES are in use: select * from ampsync.streams; a larger DB_POOL_SIZE, or '
                     'more workers, may help.'
              else 'They take turns: select * from ampsync.progress; more workers may help.' end
    from waiting p
   where p.waits in ('permit', 'turn')
     and p.waits_s >= 5
     and p.writer_s >= 1 is not true
   union all
  select p.stream_id,
         case when p.waits = 'plan' then format('the Amp server has not answered for %s s', round(p.waits_s))
              when i.lacks then format('the Amp server has sent nothing for %s s%s', round(p.waits_s),
                                       ', though it holds block ' || d.block)
              else format('waits for the next block; the Amp server has sent nothing for %s s', round(p.waits_s)) end,
         case when p.waits = 'plan' then 'Check the Amp server, and any proxy in front of it.'
              when i.lacks then 'It may be working on a large range of blocks. If a proxy in front of it buffers '
                                'responses, turn buffering off.'
              else 'Nothing to do, unless the chain is known to have advanced.' end
    from waiting p
    join ampsync_private.stream s on s.stream_id = p.stream_id and s.error is null
    left join ampsync_private.head d on d.dataset_id = s.dataset_id and d.network = s.network
   cross join lateral (select d.block > s.checkpoint_block or s.checkpoint_block is null as lacks) i
   where p.waits in ('plan', 'server')
     and p.waits_s >= 30
     and p.writer_s >= 1 is not true;
end;
$$;
COMMENT ON FUNCTION ampsync_private.passes_wait(p_streams bigint[], p_epochs bigint[], p_writer_s numeric[], p_waits text[], p_waits_s numeric[]) IS 'What passes are waiting for, in words, and what to do about it.';
CREATE FUNCTION ampsync_private.plan_evolution(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb, p_network text DEFAULT NULL::text) RETURNS TABLE(action text, column_name text, old_type text, new_type text, ddl text, refusal text, remedy text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  with stream as (
    select s.*, d.not_null and d.value_policy <> 'null' as strict,
           (select max(a.attnum) from pg_attribute a where a.attrelid = c.oid) as width
      from ampsync_private.stream s
      join ampsync_private.dataset d using (dataset_id)
      join pg_class c on c.oid = s.target
     where s.stream_id = p_stream_id
  ),
  made as (
    select m.value ->> 'name' as name, m.value ->> 'type' as type, (m.value ->> 'not_null')::boolean as not_null,
           1000000 + m.ordinality as n
      from stream s
     cross join jsonb_array_elements(s.columns) with ordinality m
  ),
  planned as (
    select p.value ->> 'name' as name, (p.value ->> 'not_null')::boolean and s.strict as not_null, p.ordinality as n,
           to_regtype(p.value ->> 'type')::oid as type, ampsync_private.type_modifier(p.value ->> 'type') as modifier
      from stream s
     cross join jsonb_array_elements(p_columns) with ordinality p
  ),
  actual as (
    select a.attname::text as name, a.attnotnull as not_null, a.attnum, a.atttypid as type, a.atttypmod as modifier
      from stream s
      join pg_attribute a on a.attrelid = s.target and a.attnum > 0 and not a.attisdropped
  ),
  compared as (
    select s.target, s.width, s.strict, coalesce(p.n, m.n) as n, name, a.attnum,
           p.name is not null as is_planned, m.name is not null as is_made, a.name is not null as is_there,
           (a.type, a.modifier) = (p.type, p.modifier) as is_same,
           -- Both numeric, with modifiers of one scale. Digits are above the scale in a modifier.
           a.type = p.type and a.type in ('numeric'::regtype, 'numeric[]'::regtype)
             and least(a.modifier, p.modifier) > 0
             and ((a.modifier - 4) & 2047) = ((p.modifier - 4) & 2047) as has_same_scale,
           a.type = 'numeric'::regtype as is_scalar,
           p.modifier < a.modifier as has_fewer_digits,
           a.not_null and not p.not_null and (m.not_null or not s.strict) as loses_not_null,
           m.type as made_type, format_type(a.type, a.modifier) as old_type,
           format_type(p.type, p.modifier) as new_type,
           count(*) filter (where a.name is null and m.name is null) over (order by p.n) as nth_added
      from stream s
     cross join (planned p full join made m using (name))
      left join actual a using (name)
  ),
  judged as (
    select c.*,
           case when c.is_planned and not c.is_made and c.is_there
                  then 'Columns added to schema have the names of columns that are not ampsync''s'
                when c.is_planned and not c.is_made and c.width + c.nth_added > 1600
                  then 'Columns added to schema do not fit: PostgreSQL allows 1600 per table, counting dropped ones'
                when not c.is_planned and c.is_there
                  then 'Columns dropped from schema (unsupported)'
                when c.is_planned and c.is_made and not c.is_there
                  then 'Columns missing in the table'
                when c.is_planned and c.is_made and not c.is_same
                     and not (c.has_same_scale and (c.is_scalar or c.has_fewer_digits))
                  then 'Type changes detected (unsupported)' end as refusal
      from compared c
  ),
  widened as (
    select j.*, o.objects, o.drops, o.makes
      from judged j
      left join lateral (
        select string_agg(w.object, ', ' order by w.n) as objects,
               string_agg(w.drop_it, '' order by w.n) as drops,
               string_agg(w.make_it, '' order by w.n desc) as makes
          from ampsync_private.widening_obstacles(j.target, j.name)
               with ordinality w(object, drop_it, make_it, n)
      ) o on true
     where j.refusal is null and j.is_made and j.is_planned and not j.is_same and not j.has_fewer_digits
  ),
  freed as (
    select j.*, i.indexrelid, i.indisprimary
      from judged j
      left join pg_index i on i.indrelid = j.target
                          and (i.indisprimary or i.indisreplident)
                          and j.attnum = any (i.indkey)
     where j.refusal is null and j.loses_not_null
  ),
  difference (n, action, name, old_type, new_type, ddl, refusal, remedy) as (
    select 0, 'refuse', null, null, null, null,
           format('Network changed for table %s: %s -> %s', s.table_name, s.network, p_network), null
      from stream s
     where p_network <> s.network
    union all
    select 0, 'refuse', null, null, null, null,
           format('the server %s _block_num', case when p_has_block_num then 'now offers' else 'no longer offers' end),
           null
      from stream s
     where p_has_block_num <> s.has_block_num
    union all
    select j.n, 'refuse', j.name, j.old_type, j.new_type, null, j.refusal,
           case when not j.is_planned then format('alter table %s drop column %I; ', j.target, j.name)
                when not j.is_made and j.is_there
                  then format('alter table %s rename column %I to %I; ', j.target, j.name,
                              ampsync_private.cut_name(j.name, 58) || '_mine')
                when not j.is_there
                  then format('alter table %s add column %I %s; ', j.target, j.name, j.new_type)
                when j.made_type = j.new_type -- Then the user changed it.
                  then format('alter table %1$s alter column %2$I type %3$s using %2$I::%3$s; ',
                              j.target, j.name, j.new_type) end
      from judged j
     where j.refusal is not null
    union all
    select j.n, 'forget_column', j.name, null, null, null, null, null
      from judged j
     where not j.is_planned and not j.is_there
    union all
    select j.n, 'add_column', j.name, null, j.new_type,
           format('alter table %s add column %I %s', j.target, j.name, j.new_type)
             || case when j.new_type in ('bytea', 'text')
                     then format(', alter column %I %s', j.name, ampsync_private.long_values(l.enumvals)) else '' end,
           null, null
      from judged j
      join pg_settings l on l.name = 'default_toast_compression'
     where j.refusal is null and j.is_planned and not j.is_made
    union all
    select j.n, 'keep', j.name, j.old_type, j.new_type, null, null, null
      from judged j
     where j.refusal is null and j.is_made and j.is_planned and not j.is_same and j.has_fewer_digits
    union all
    select w.n, case when w.objects is null then 'widen_column' else 'refuse' end, w.name, w.old_type, w.new_type,
           case when w.objects is null then v.ddl end,
           'Columns cannot be widened because of ' || w.objects,
           case when w.objects is not null then concat(w.drops, v.ddl, '; ', w.makes) end
      from widened w
     cross join lateral (
       select format('alter table %s alter column %I type %s', w.target, w.name, w.new_type) as ddl
     ) v
    union all
    select f.n, case when f.indexrelid is null then 'drop_not_null' else 'refuse' end, f.name, f.old_type, f.new_type,
           case when f.indexrelid is null
                then format('alter table %s alter column %I drop not null', f.target, f.name) end,
           'Columns may be null now, but cannot be because of index ' || f.indexrelid::regclass,
           case when f.indisprimary
                  then (select format('alter table %s drop constraint %I; ', f.target, k.conname)
                          from pg_constraint k where k.conindid = f.indexrelid and k.contype = 'p')
                when f.indexrelid is not null then format('alter table %s replica identity full; ', f.target) end
      from freed f
  )
  select d.action, d.name, d.old_type, d.new_type, d.ddl, d.refusal, d.remedy
    from difference d
   order by d.n, d.action;
$_$;
COMMENT ON FUNCTION ampsync_private.plan_evolution(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb, p_network text) IS 'What has to be done to a stream''s target so that it fits the planned columns, or why that is refused.';
CREATE FUNCTION ampsync_private.plan_indexes(p_stream_id bigint, p_retry boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_stream ampsync_private.stream;
begin
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     and s.shadow_of is null
     and s.target is not null
     for key share;
  if not found then
    return;
  end if;
  perform 1 -- In the order of next_index_step.
     from ampsync_private.target_index t
    where t.stream_id = p_stream_id
    order by t.position
      for no key update;
  with wanted as (
    select *
      from ampsync_private.wanted_indexes(v_stream.dataset_id, v_stream.table_name, v_stream.has_block_num,
                                          v_stream.columns)
  ),
  forgotten as (
    delete from ampsync_private.target_index t
     where t.stream_id = p_stream_id
       and not exists (select from wanted w
                        where (w.method, w.columns, w.options) = (t.method, t.columns, t.options))
  )
  insert into ampsync_private.target_index (stream_id, method, columns, options, position, since)
  select p_stream_id, w.method, w.columns, w.options, w.position, ampsync_private.now()
    from wanted w
  on conflict on constraint target_index_pkey do nothing;
  update ampsync_private.target_index t
     set state      = case t.state when 'failed' then 'waiting' else t.state end,
         since      = case t.state when 'failed' then ampsync_private.now() else t.since end,
         attempts   = 0,
         next_retry = null,
         error      = null
   where t.stream_id = p_stream_id
     and t.error is not null
     and (p_retry
          or t.state = 'failed' and t.error ->> 'code' = 'SY004'
             and ampsync_private.missing_index_columns(v_stream.target, t.columns) = '{}');
  if ampsync_private.indexes_are_due(p_stream_id) then
    perform ampsync_private.schedule_index(p_stream_id);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.plan_indexes(p_stream_id bigint, p_retry boolean) IS 'Record which indexes a target shall have, and queue their job once it is loaded.';
CREATE FUNCTION ampsync_private.policy_steps(p_old regclass, p_name text) RETURNS TABLE(class_id oid, object_id oid, ddl text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select 'pg_policy'::regclass::oid, s.oid, s.ddl
    from (select 1, p.oid,
                 format('create policy %I on %s as %s for %s to %s%s%s', p.polname, p_name,
                        case when p.polpermissive then 'permissive' else 'restrictive' end,
                        case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                                      when 'd' then 'delete' else 'all' end,
                        (select string_agg(coalesce(quote_ident(r.rolname), 'public'), ', ' order by r.rolname)
                           from unnest(p.polroles) g(role)
                           left join pg_roles r on r.oid = g.role),
                        ' using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
                        ' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
            from pg_policy p
           where p.polrelid = p_old
          union all
          select 2, p.oid,
                 format('comment on policy %I on %s is %L', p.polname, p_name, obj_description(p.oid, 'pg_policy'))
            from pg_policy p
           where p.polrelid = p_old
             and obj_description(p.oid, 'pg_policy') is not null
          union all
          select 3, p.oid,
                 format('alter policy %I on %s%s%s', p.polname, p.polrelid::regclass,
                        ' using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
                        ' with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
            from ampsync_private.dependents(p_old) d
            join pg_policy p on d.class_id = 'pg_policy'::regclass and p.oid = d.object_id
           where p.polrelid <> p_old
          union all
          select 4, p_old::oid,
                 format('alter table %s %s row level security, %s row level security', p_name,
                        case when c.relrowsecurity then 'enable' else 'disable' end,
                        case when c.relforcerowsecurity then 'force' else 'no force' end)
            from pg_class c
           where c.oid = p_old) s(n, oid, ddl)
   order by s.n;
$$;
COMMENT ON FUNCTION ampsync_private.policy_steps(p_old regclass, p_name text) IS 'Statements that give a table the row level security of the one that it replaces.';
CREATE FUNCTION ampsync_private.poll_pause(p_dataset ampsync_private.dataset, p_default interval, p_failures integer) RETURNS interval
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select least(i.every * 2 ^ least(p_failures, 6), greatest(i.every, interval '60 s'))
    from (select coalesce((p_dataset).poll_interval, p_default) as every) i;
$$;
COMMENT ON FUNCTION ampsync_private.poll_pause(p_dataset ampsync_private.dataset, p_default interval, p_failures integer) IS 'The pause before the next poll of a dataset, after so many failures in a row.';
CREATE FUNCTION ampsync_private.prune_history(p_stream_id bigint, p_tip_start bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_first bigint;
  v_last  bigint;
begin
  with pruned as (
    delete from ampsync_private.history h
     where h.stream_id = p_stream_id
       and h.last_block < p_tip_start - (select d.retention_blocks
                                           from ampsync_private.stream s
                                           join ampsync_private.dataset d using (dataset_id)
                                          where s.stream_id = p_stream_id)
       and h.last_block < (select n.last_block
                             from ampsync_private.history n
                            where n.stream_id = p_stream_id
                            order by n.last_block desc
                           offset 15 limit 1)
    returning h.first_block, h.last_block
  )
  select min(p.first_block), max(p.last_block) into v_first, v_last
    from pruned p;
  if v_first / 64 <> (v_last + 1) / 64 then
    perform ampsync_private.compact_ledger(p_stream_id, v_first - 64, v_last);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.prune_history(p_stream_id bigint, p_tip_start bigint) IS 'Drop a stream''s history entries beyond retention.';
CREATE FUNCTION ampsync_private.publication_steps(p_old regclass, p_name text) RETURNS TABLE(class_id oid, object_id oid, ddl text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select 'pg_publication_rel'::regclass::oid, r.oid,
         format('alter publication %I add table only %s%s%s', p.pubname, p_name,
                (select ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attnum) || ')'
                   from pg_attribute a
                  where a.attrelid = r.prrelid and a.attnum = any (r.prattrs)),
                ' where (' || pg_get_expr(r.prqual, r.prrelid) || ')')
    from pg_publication_rel r
    join pg_publication p on p.oid = r.prpubid
   where r.prrelid = p_old;
$$;
COMMENT ON FUNCTION ampsync_private.publication_steps(p_old regclass, p_name text) IS 'Statements that put a table into the publications of the one that it replaces.';
CREATE FUNCTION ampsync_private.query_hash(p_query text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select encode(sha256(convert_to(p_query, 'UTF8')), 'hex');
$$;
COMMENT ON FUNCTION ampsync_private.query_hash(p_query text) IS 'What tells one query from another, in the place of a manifest hash.';
CREATE FUNCTION ampsync_private.query_source(p_query text, OUT schema_part text, OUT table_name text) RETURNS record
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with token as materialized (
    select t.n, t.kind, t.word, t.source,
           sum(case t.source when '(' then 1 when ')' then -1 else 0 end) over (order by t.n) as depth,
           lag(t.word) over (order by t.n) as word_before,
           array_agg(case t.kind when 'word' then lower(t.source) else t.word end) over following as names,
           array_agg(t.kind) over following as kinds,
           array_agg(t.source) over following as sources
      from ampsync_private.sql_tokens(p_query) t
     where t.kind <> 'space'
    window following as (order by t.n rows between 1 following and 3 following)
  )
  select f.names[1], f.names[3]
    from token f
   where f.kind = 'word'
     and f.word in ('FROM', 'JOIN')
     and f.word_before is distinct from 'DISTINCT'
     and f.kinds[1] in ('word', 'name')
     and f.sources[2] = '.'
     and f.kinds[3] in ('word', 'name')
     and exists (select 1 -- In the same parentheses, if any.
                   from token s
                  where s.kind = 'word'
                    and s.word = 'SELECT'
                    and s.n < f.n
                    and s.depth = f.depth
                    and not exists (select 1
                                      from token o
                                     where o.n between s.n and f.n
                                       and o.depth < f.depth))
   order by f.n
   limit 1;
$$;
COMMENT ON FUNCTION ampsync_private.query_source(p_query text, OUT schema_part text, OUT table_name text) IS 'The first table that a query reads: schema part and name, in the SQL of an Amp server.';
CREATE FUNCTION ampsync_private.query_suspects(p_query text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with token as (
    select t.n, t.kind, t.word,
           lead(t.source) over (order by t.n) as next,
           lead(t.word) over (order by t.n) as next_word,
           lag(t.source) over (order by t.n) as before,
           lag(t.word) over (order by t.n) as word_before
      from ampsync_private.sql_tokens(p_query) t
     where t.kind <> 'space'
  ),
  suspect as (
    select t.n, case
             when t.word = 'GROUP' and t.next_word = 'BY' then 'GROUP BY'
             when t.word = 'HAVING' then 'HAVING'
             when t.word = 'DISTINCT' and t.word_before not in ('IS', 'NOT') then 'DISTINCT'
             when t.word = 'OVER' and (t.next = '(' or t.next_word is not null) and t.before = ')'
               then 'window functions'
             when t.word = 'JOIN' and t.word_before in ('LEFT', 'RIGHT', 'FULL', 'CROSS', 'OUTER')
               then t.word_before || ' JOIN'
             when t.word = 'JOIN' then 'JOIN'
             when t.word = 'RECURSIVE' and t.word_before = 'WITH' then 'WITH RECURSIVE'
             when t.word = 'UNION' and t.next_word is distinct from 'ALL' then 'UNION without ALL'
             when t.word in ('EXCEPT', 'INTERSECT') and t.next <> '(' then t.word -- SELECT * EXCEPT (…) is none.
             when t.next = '(' and t.before <> '.' and t.word in (
                    'COUNT', 'SUM', 'MIN', 'MAX', 'AVG', 'MEAN', 'MEDIAN', 'STDDEV', 'VAR', 'ARRAY_AGG', 'STRING_AGG',
                    'BOOL_AND', 'BOOL_OR', 'BIT_AND', 'BIT_OR', 'BIT_XOR', 'FIRST_VALUE', 'LAST_VALUE', 'NTH_VALUE',
                    'APPROX_DISTINCT', 'APPROX_MEDIAN', 'CORR')
               then lower(t.word) || '()' end as what
      from token t
     where t.kind = 'word'
  )
  select coalesce(array_agg(f.what order by f.n), '{}')
    from (select s.what, min(s.n) as n from suspect s where s.what is not null group by s.what) f;
$$;
COMMENT ON FUNCTION ampsync_private.query_suspects(p_query text) IS 'What a query has that Amp servers may refuse in a stream.';
CREATE FUNCTION ampsync_private.quote_always(p_name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select '"' || replace(p_name, '"', '""') || '"';
$$;
COMMENT ON FUNCTION ampsync_private.quote_always(p_name text) IS 'A quoted name, as in the SQL of an Amp server.';
CREATE FUNCTION ampsync_private.raise_deciding(p_dataset_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_label text;
  v_swap  record;
  v_other text;
begin
  select d.label into v_label
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id;
  select a.pid, a.xact_start, array_to_string(pg_blocking_pids(a.pid), ', ') as waits_for into v_swap
    from ampsync_private.lock_holders(ampsync_private.swap_key(p_dataset_id)) h
    join pg_stat_activity a using (pid)
   where h.mode = 'ShareLock'
   order by a.xact_start
   limit 1;
  v_other := ampsync_private.describe_backends(array(
    select h.pid
      from ampsync_private.lock_holders(ampsync_private.swap_key(p_dataset_id)) h
    union
    select f.pid
      from ampsync_private.stream s
      join ampsync_private.lease l using (stream_id)
     cross join lateral ampsync_private.fence_holders(l.stream_id, l.epoch) f
     where s.dataset_id = p_dataset_id and f.mode = 'ExclusiveLock'));
  raise exception using
    errcode = '55P03',
    message = format('another transaction is deciding about %s', v_label),
    detail  = coalesce(v_other, 'Nothing was changed: its row is locked.'),
    hint    = case when v_swap.pid is null
                   then 'Nothing was changed. Try again once that transaction is over.'
                   else format('Nothing was changed. A swap has run since %s (backend %s%s), and large tables take '
                               'minutes. Try again once it is over, or end it: select ampsync.pause_sync(%L); '
                               '-- it is done again after ampsync.resume_sync',
                               v_swap.xact_start, v_swap.pid,
                               coalesce(', which waits for backend ' || nullif(v_swap.waits_for, ''), ''),
                               v_label) end;
end;
$$;
COMMENT ON FUNCTION ampsync_private.raise_deciding(p_dataset_id bigint) IS 'Raise 55P03 for a call that did not get the row of a dataset, with who has it and since when.';
CREATE FUNCTION ampsync_private.raise_immortal(p_stream_id bigint, p_epoch bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_writer record;
begin
  select a.pid, a.usename as role, r.rolsuper into v_writer
    from ampsync_private.fence_holders(p_stream_id, p_epoch) f
    join pg_stat_activity a using (pid)
    left join pg_roles r on r.oid = a.usesysid
   where f.mode = 'ShareLock' and f.is_ours and not f.is_mortal
   limit 1;
  if found then
    raise exception using
      errcode = '55P03',
      message = (select format('%I.%I is written by a session of role %I, which role %I may not end',
                               s.target_schema, s.target_table, v_writer.role, current_user)
                   from ampsync_private.stream s where s.stream_id = p_stream_id),
      detail  = format('Backend %s of role %s. Nothing was changed.', v_writer.pid, v_writer.role),
      hint    = case when v_writer.rolsuper
                     then format('As a superuser: select pg_terminate_backend(%s);', v_writer.pid)
                     else format('grant pg_signal_backend to %I;', current_user) end;
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.raise_immortal(p_stream_id bigint, p_epoch bigint) IS 'Raise 55P03 if a writer that this role may not end holds the fence of a stream''s epoch.';
CREATE PROCEDURE ampsync_private.raise_lease_lost(IN p_stream_id bigint, IN p_epoch bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  raise exception using
    errcode = 'SY001',
    message = format('the lease of stream %s is no longer held with epoch %s', p_stream_id, p_epoch),
    detail  = coalesce((select format('Current epoch %s, held by %s.',
                                      l.epoch, coalesce(l.holder || ' until ' || l.lease_until, 'nobody'))
                          from ampsync_private.lease l
                         where l.stream_id = p_stream_id), 'The stream is gone.'),
    hint    = 'Nothing is lost: the new holder continues from the checkpoint.';
end;
$$;
COMMENT ON PROCEDURE ampsync_private.raise_lease_lost(IN p_stream_id bigint, IN p_epoch bigint) IS 'Raise SY001: the lease is not current.';
CREATE PROCEDURE ampsync_private.raise_no_block_num(IN p_stream_id bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  v_stream ampsync_private.stream;
  v_label  text := ampsync_private.stream_label(p_stream_id);
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  raise exception using
    errcode = 'SY201',
    message = format('table %s cannot begin with block %s', v_stream.table_name, v_stream.from_block),
    detail  = 'The server does not offer _block_num for it, so rows cannot be selected by block.',
    hint    = format(case when v_stream.checkpoint_block is null and v_stream.shadow_of is null
                            then 'select ampsync.alter_sync(%1$L, from_block => 0); select ampsync.resume_sync(%1$L);'
                          else 'select ampsync.resync(%1$L, %2$L, from_block => 0);' end,
                     v_label, v_stream.table_name);
end;
$_$;
COMMENT ON PROCEDURE ampsync_private.raise_no_block_num(IN p_stream_id bigint) IS 'Raise SY201: a table whose rows do not know their block cannot have a from_block.';
CREATE PROCEDURE ampsync_private.raise_not_copied(IN p_table regclass, IN p_class_id oid, IN p_object_id oid, IN p_reason text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  raise exception using
    errcode = 'SY201',
    message = format('table %s cannot be replaced: %s does not fit the new table', p_table,
                     pg_describe_object(p_class_id, p_object_id, 0)),
    detail  = format('%s. Nothing was changed.', p_reason),
    hint    = coalesce(ampsync_private.drop_statement(p_class_id, p_object_id, 0),
                       ampsync_private.dependents_query(p_table));
end;
$$;
COMMENT ON PROCEDURE ampsync_private.raise_not_copied(IN p_table regclass, IN p_class_id oid, IN p_object_id oid, IN p_reason text) IS 'Raise SY201: something of a table cannot be made on the one that is to replace it.';
CREATE PROCEDURE ampsync_private.raise_rows_kept(IN p_target regclass)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  raise exception using
    errcode = 'SY201',
    message = format('rows of table %s cannot be deleted: one of its triggers or rules keeps them', p_target),
    detail  = 'Nothing was written. Rows of replaced blocks must be gone before the new ones are written.',
    hint    = concat(
      (select string_agg(format('alter table %s disable trigger %I; ', p_target, t.tgname), '')
         from pg_trigger t
        where t.tgrelid = p_target and not t.tgisinternal and t.tgenabled <> 'D'
          and t.tgtype & 11 = 11), -- FOR EACH ROW, BEFORE, DELETE.
      (select string_agg(format('alter table %s disable rule %I; ', p_target, r.rulename), '')
         from pg_rewrite r
        where r.ev_class = p_target and r.ev_type = '4' and r.ev_enabled <> 'D'),
      (select format('select ampsync.resume_sync(%L);', ampsync_private.stream_label(s.stream_id))
         from ampsync_private.stream s
        where s.target = p_target));
end;
$$;
COMMENT ON PROCEDURE ampsync_private.raise_rows_kept(IN p_target regclass) IS 'Raise SY201 for rows of a target that a trigger or a rule keeps from being deleted.';
CREATE FUNCTION ampsync_private.raise_stranger(p_stream_id bigint, p_epoch bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stranger record;
begin
  select a.pid, a.usename as role, a.backend_start into v_stranger
    from ampsync_private.fence_holders(p_stream_id, p_epoch) f
    join pg_stat_activity a using (pid)
   where not f.is_ours
   limit 1;
  if found then
    raise exception using
      errcode = '55P03',
      message = (select format('role %s holds the advisory lock of %I.%I',
                               v_stranger.role, s.target_schema, s.target_table)
                   from ampsync_private.stream s where s.stream_id = p_stream_id),
      detail  = format('Backend %s of role %s, connected since %s.',
                       v_stranger.pid, v_stranger.role, v_stranger.backend_start),
      hint    = format('As a superuser: select pg_terminate_backend(%s);', v_stranger.pid);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.raise_stranger(p_stream_id bigint, p_epoch bigint) IS 'Raise 55P03 if a backend that is no writer of ours holds the fence of a stream''s epoch.';
CREATE PROCEDURE ampsync_private.raise_target_moved(IN p_stream_id bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_place record;
begin
  select * into strict v_place
    from ampsync_private.find_target(p_stream_id);
  if v_place.fault is not null then
    raise exception using
      errcode = 'SY201',
      message = v_place.fault,
      detail  = 'Nothing was written. A target is identified by its OID; rows of its stream never go elsewhere.',
      hint    = v_place.hint;
  end if;
  raise exception using
    errcode = 'SY205',
    message = (select format('table %I.%I is called %I.%I now',
                             s.target_schema, s.target_table, v_place.target_schema, v_place.target_table)
                 from ampsync_private.stream s where s.stream_id = p_stream_id),
    detail  = 'Nothing was written. The next pass continues under the new name.',
    hint    = 'Retried automatically: select * from ampsync.streams;';
end;
$$;
COMMENT ON PROCEDURE ampsync_private.raise_target_moved(IN p_stream_id bigint) IS 'Raise SY205 for a target that was renamed, SY201 for one that is gone or was replaced.';
CREATE FUNCTION ampsync_private.record_blocks(p_stream_id bigint, p_first_block bigint, p_last_block bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_firsts bigint[];
  v_lasts  bigint[];
begin
  with entry as (
    select l.first_block, l.last_block
      from ampsync_private.ledger l
     where l.stream_id = p_stream_id
       and l.last_block >= p_first_block
       and l.first_block <= p_last_block
  ),
  part as (
    select e.first_block, e.last_block
      from entry e
     where e.first_block >= p_first_block
       and e.last_block <= p_last_block
     union all
    select lower(g.range), upper(g.range) - 1
      from unnest(int8multirange(int8range(p_first_block, p_last_block, '[]'))
                  - coalesce((select range_agg(int8range(e.first_block, e.last_block, '[]'))
                                from entry e), '{}')) g(range)
  )
  select array_agg(p.first_block), array_agg(p.last_block) into v_firsts, v_lasts
    from part p;
  insert into ampsync_private.ledger as l (stream_id, first_block, last_block, row_count, id_xor)
  select p_stream_id, m.first_block, m.last_block, m.row_count, m.id_xor
    from ampsync_private.stream s
   cross join lateral ampsync_private.measure_rows(s.target, s.identity, v_firsts, v_lasts) m
   where s.stream_id = p_stream_id
  on conflict on constraint ledger_pkey do update -- An entry within the range.
     set row_count = excluded.row_count, id_xor = excluded.id_xor;
end;
$$;
COMMENT ON FUNCTION ampsync_private.record_blocks(p_stream_id bigint, p_first_block bigint, p_last_block bigint) IS 'Update a stream''s ledger for blocks that were just fetched again.';
CREATE FUNCTION ampsync_private.record_values(p_stream_id bigint, p_values jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream ampsync_private.stream;
begin
  if p_values is null then
    return;
  end if;
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  insert into ampsync_private.reject
         (stream_id, block, row_number, column_name, sqlstate, reason, row_values, rejected_at)
  select p_stream_id, (r.value ->> 'block')::bigint, (r.value ->> 'row')::bigint, r.value ->> 'column',
         r.value ->> 'sqlstate', r.value ->> 'reason', nullif(r.value -> 'values', 'null'), ampsync_private.now()
    from jsonb_array_elements(p_values -> 'rejected') r;
  if found then
    perform ampsync_private.journal(p_stream_id, 'row_quarantined',
              (p_values -> 'rejected' -> 0) - 'values'
              || jsonb_build_object('rows', jsonb_array_length(p_values -> 'rejected')));
  end if;
  perform ampsync_private.journal(p_stream_id, 'value_error', n.value)
     from jsonb_array_elements(p_values -> 'nulled') n;
  perform ampsync_private.journal(p_stream_id, 'nul_replaced', n.value)
     from jsonb_array_elements(p_values -> 'nuls') n
    where not v_stream.nul_counts ? (n.value ->> 'column');
  update ampsync_private.stream s
     set nulled_counts = ampsync_private.add_counts(s.nulled_counts, p_values -> 'nulled'),
         nul_counts    = ampsync_private.add_counts(s.nul_counts, p_values -> 'nuls')
   where s.stream_id = p_stream_id;
end;
$$;
COMMENT ON FUNCTION ampsync_private.record_values(p_stream_id bigint, p_values jsonb) IS 'Record rejected rows, and counts of changed values, together with their rows.';
CREATE FUNCTION ampsync_private.record_version(p_stream_id bigint, p_first_block bigint, p_last_block bigint DEFAULT NULL::bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_lease  ampsync_private.lease;
  v_before ampsync_private.version_history;
  v_behind ampsync_private.version_history;
begin
  select * into strict v_lease
    from ampsync_private.lease l
   where l.stream_id = p_stream_id;
  select * into v_before -- Of the block before, or none.
    from ampsync_private.version_history v
   where v.stream_id = p_stream_id
     and v.first_block < p_first_block
   order by v.first_block desc
   limit 1;
  select * into v_behind -- Of the block behind.
    from ampsync_private.version_history v
   where v.stream_id = p_stream_id
     and v.first_block <= p_last_block + 1
   order by v.first_block desc
   limit 1;
  -- A pass that goes on with the version of the pass before it records nothing.
  if v_before.stream_id is not null
     and (v_before.version, v_before.manifest_hash) is not distinct from (v_lease.version, v_lease.manifest_hash)
     and not exists (select 1
                       from ampsync_private.version_history v
                      where v.stream_id = p_stream_id
                        and v.first_block between p_first_block and coalesce(p_last_block, 9223372036854775807)) then
    return;
  end if;
  delete from ampsync_private.version_history v
   where v.stream_id = p_stream_id
     and v.first_block between p_first_block and coalesce(p_last_block + 1, 9223372036854775807);
  insert into ampsync_private.version_history as v (stream_id, first_block, version, manifest_hash, started_at)
  select e.stream_id, e.first_block, e.version, e.manifest_hash, e.started_at
    from (select p_stream_id, p_first_block, v_lease.version, v_lease.manifest_hash, ampsync_private.now(),
                 v_before.stream_id, v_before.version, v_before.manifest_hash
           union all
          select v_behind.stream_id, p_last_block + 1, v_behind.version, v_behind.manifest_hash, v_behind.started_at,
                 p_stream_id, v_lease.version, v_lease.manifest_hash)
      as e(stream_id, first_block, version, manifest_hash, started_at, before_id, before_version, before_hash)
   where e.stream_id is not null
     and (e.before_id is null
          or (e.version, e.manifest_hash) is distinct from (e.before_version, e.before_hash));
end;
$$;
COMMENT ON FUNCTION ampsync_private.record_version(p_stream_id bigint, p_first_block bigint, p_last_block bigint) IS 'Record which blocks of a stream come from the version that the holder of its lease reads.';
CREATE FUNCTION ampsync_private.refuse_obstacles(p_old regclass, p_columns jsonb, p_added name[] DEFAULT '{}'::name[]) RETURNS void
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    AS $$
declare
  v_found record;
  v_error text;
begin
  begin
    select count(*) as count, string_agg(o.object || ' ' || o.reason, '; ' order by o.object, o.reason) as list,
           string_agg(distinct o.remedy, ' ') as remedies
      into v_found
      from (select * from ampsync_private.replacement_obstacles(p_old, p_columns)
            union all
            select format('column %I', a.name), 'is not of the dataset, and its values would be lost',
                   format('alter table %s drop column %I;', p_old, a.name)
              from unnest(p_added) a(name)) o;
  exception
    when internal_error then -- The catalogue still has an index or a view that is gone (XX000).
      get stacked diagnostics v_error = message_text;
      raise exception using
        errcode = '55P03',
        message = format('somebody changes table %s, or what hangs on it, at the same moment', p_old),
        detail  = v_error,
        hint    = 'Do the same again.';
  end;
  if v_found.count = 0 then
    return;
  end if;
  raise exception using
    errcode = 'SY201',
    message = format('table %s cannot be replaced by one with other columns: %s', p_old,
                     case v_found.count when 1 then 'an object that hangs on it cannot be kept'
                                        else format('%s objects that hang on it cannot be kept', v_found.count) end),
    detail  = v_found.list || '. Nothing was changed.',
    hint    = coalesce(v_found.remedies, ampsync_private.dependents_query(p_old));
end;
$$;
COMMENT ON FUNCTION ampsync_private.refuse_obstacles(p_old regclass, p_columns jsonb, p_added name[]) IS 'Raise SY201 with the list of what keeps a table from being replaced by one with other columns.';
CREATE FUNCTION ampsync_private.register_queries(p_dataset_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_dataset ampsync_private.dataset;
  v_table   text;
  v_paused  boolean := exists (select 1
                                from ampsync_private.stream s
                               where s.dataset_id = p_dataset_id
                                 and s.state = 'paused');
  v_stream  bigint;
begin
  select * into strict v_dataset from ampsync_private.dataset d where d.dataset_id = p_dataset_id;
  for v_table in
    select q.name
      from jsonb_object_keys(v_dataset.queries) q(name)
     where not exists (select 1
                         from ampsync_private.stream s
                        where s.dataset_id = p_dataset_id
                          and s.table_name = q.name)
     order by q.name
  loop
    loop
      insert into ampsync_private.stream (dataset_id, table_name, target_schema, target_table, identity, state, since)
      values (p_dataset_id, v_table, v_dataset.target_schema, ampsync_private.target_name(v_dataset, v_table),
              v_dataset.identity, case when v_paused then 'paused' else 'waiting' end, ampsync_private.now())
      on conflict do nothing -- The target is another dataset's, which the check says, or was until this moment.
      returning stream_id into v_stream;
      perform ampsync_private.check_target_free(p_dataset_id, v_table, v_dataset.target_schema,
                                                ampsync_private.target_name(v_dataset, v_table));
      exit when v_stream is not null;
    end loop;
    insert into ampsync_private.lease (stream_id) values (v_stream);
    perform ampsync_private.take_query(v_stream);
    if not v_paused then
      perform ampsync_private.schedule_stream(v_stream);
    end if;
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_private.register_queries(p_dataset_id bigint) IS 'Create the streams of those tables of a dataset that have queries, and queue their first passes.';
CREATE FUNCTION ampsync_private.rehearse_replacement(p_old regclass, p_columns jsonb, p_made jsonb DEFAULT '[]'::jsonb, p_has_block_num boolean DEFAULT true, p_identity text DEFAULT 'content'::text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform ampsync_private.check_replaceable(p_old, p_columns, p_made, p_has_block_num, p_identity);
  if exists (select 1 from pg_stat_progress_create_index b where b.relid = p_old) then
    return;
  end if;
  begin
    perform ampsync_private.replace_target(p_old,
              ampsync_private.create_target('ampsync_private', 'rehearsal_' || p_old::oid, p_has_block_num, p_columns,
                                            p_identity),
              'ampsync_private', 'rehearsed_' || p_old::oid);
    raise exception using -- Caught below: it takes everything back.
      errcode = 'transaction_rollback',
      message = format('table %s can be replaced', p_old),
      detail  = 'Tried with an empty table.',
      hint    = 'Nothing is to be done.';
  exception
    when transaction_rollback or lock_not_available then
      null;
  end;
end;
$$;
COMMENT ON FUNCTION ampsync_private.rehearse_replacement(p_old regclass, p_columns jsonb, p_made jsonb, p_has_block_num boolean, p_identity text) IS 'Raise SY201 if a target could not be replaced by a table with these columns, by trying it with an empty one.';
CREATE FUNCTION ampsync_private.release_targets(p_dataset_id bigint, p_drop boolean) RETURNS TABLE(table_name text, state text, hint text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_label   text := (select d.label from ampsync_private.dataset d where d.dataset_id = p_dataset_id);
  v_table   record;
  v_name    text;
  v_dropped regclass[] := '{}';
  v_detail  text;
begin
  for v_table in
    select s.stream_id, s.table_name, s.identity, s.checkpoint_block, s.shadow_of is not null as is_shadow,
           c.oid::regclass as target,
           c.oid is not null and (p_drop or s.shadow_of is not null) as is_dropped,
           (select string_agg(x.indexrelid::regclass::text, ', ') -- Its build was ended.
              from pg_index x
              join pg_class i on i.oid = x.indexrelid
              join ampsync_private.target_index t on t.stream_id = s.stream_id and t.index_name = i.relname
             where x.indrelid = c.oid and not x.indisvalid) as invalid_indexes,
           pg_has_role(c.relowner, 'usage')
             and starts_with(obj_description(c.oid, 'pg_class'), 'Kept in sync by ampsync') as has_comment
      from ampsync_private.stream s
      left join pg_class c on c.oid = s.target
     where s.dataset_id = p_dataset_id
     order by c.oid
  loop
    v_name := v_table.target::text;
    if v_table.is_dropped then
      call ampsync_private.check_may_drop(v_table.target);
    end if;
    if v_table.is_dropped or v_table.has_comment then
      begin
        execute format('lock table %s in %s mode', v_name,
                       case when v_table.is_dropped then 'access exclusive' else 'share update exclusive' end);
      exception
        when undefined_table or invalid_schema_name then
          null;
      end;
      if to_regclass(v_name) is distinct from v_table.target then -- It waited for somebody who changed that.
        raise exception using
          errcode = 'SY205',
          message = format('table %s was renamed or dropped meanwhile', v_name),
          detail  = 'Nothing was changed.',
          hint    = format('Try again: select ampsync.drop_sync(%L);', v_label);
      end if;
    end if;
    if v_table.is_dropped then
      v_dropped := v_dropped || v_table.target;
    elsif v_table.has_comment then
      execute format('comment on table %s is %L', v_name, format(
                'Was kept in sync by ampsync, %s of %s; its rows end at block %s%s.',
                v_table.table_name, v_label, coalesce(v_table.checkpoint_block::text, 'none'),
                case when v_table.identity = 'transaction'
                     then ', _tx_id below ' || nextval('ampsync_private.tx_id_seq') else '' end));
    end if;
    continue when v_table.is_shadow;
    table_name := v_table.table_name;
    state := case when v_table.target is null then 'gone' when v_table.is_dropped then 'dropped' else 'kept' end;
    hint := case when state = 'kept' and v_table.invalid_indexes is not null
                 then format('drop index %s; -- It was not finished. Or both: drop table %s;',
                             v_table.invalid_indexes, v_name)
                 when state = 'kept' then format('drop table %s;', v_name)
                 else format('select ampsync.enqueue_sync(%L);', v_label) end;
    return next;
    perform ampsync_private.journal(v_table.stream_id, 'table_released', jsonb_build_object(
              'table', v_name, 'state', state, 'block', v_table.checkpoint_block));
  end loop;
  if v_dropped <> '{}' then
    execute 'drop table ' || array_to_string(v_dropped, ', '); -- In one statement: they may refer to each other.
  end if;
exception
  when lock_not_available then
    raise exception using
      errcode = '55P03',
      message = format('table %s is in use', v_name),
      detail  = 'Nothing was changed: its lock was not available in time.',
      hint    = format('Try again once it is free. Who holds it: select a.pid, a.query from pg_locks l '
                       'join pg_stat_activity a using (pid) where l.relation = %L::regclass;', v_name);
  when dependent_objects_still_exist then
    get stacked diagnostics v_detail = pg_exception_detail;
    raise exception using
      errcode = '2BP01',
      message = format('tables of %s cannot be dropped: other objects depend on them', v_label),
      detail  = v_detail,
      hint    = format('Drop those first, or keep the tables: select ampsync.drop_sync(%L);', v_label);
end;
$$;
COMMENT ON FUNCTION ampsync_private.release_targets(p_dataset_id bigint, p_drop boolean) IS 'Drop the targets of a dataset, or leave them with a comment; returns what became of each.';
CREATE FUNCTION ampsync_private.reload_refusal(p_dataset ampsync_private.dataset, p_tables jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with refused as (
    select s.table_name, e.fault, e.remedy
      from ampsync_private.stream s
      join jsonb_array_elements(p_tables) t on t.value ->> 'table' = s.table_name
     cross join lateral ampsync_private.evolution_refusal(s.stream_id, (t.value ->> 'has_block_num')::boolean,
                          t.value -> 'columns', t.value ->> 'network') e
     where s.dataset_id = (p_dataset).dataset_id
       and s.shadow_of is null
       and e.fault is not null
  )
  select jsonb_build_object(
           'code', 'SY201',
           'message', format('version %s of %s cannot be followed: %s', (p_dataset).offered_version, (p_dataset).label,
                             left(string_agg(format('table %s: %s', r.table_name, r.fault), '; '
                                             order by r.table_name), 4000)),
           'detail', format('Version %s stays in use, and nothing was changed.', (p_dataset).resolved_version),
           'hint', format('select ampsync.resync(%L);', (p_dataset).label)
                   || case when bool_and(r.remedy is not null)
                           then format(' -- or: %sselect ampsync.resume_sync(%L);',
                                       string_agg(r.remedy, '' order by r.table_name), (p_dataset).label)
                           else '' end)
    from refused r
  having count(*) > 0
   union all
  select jsonb_build_object(
           'code', 'SY101',
           'message', format('version %s of %s has %s tables', (p_dataset).offered_version, (p_dataset).label,
                             jsonb_array_length(p_tables)),
           'detail', format('A dataset can have at most 1,000 tables; version %s stays in use.',
                            (p_dataset).resolved_version))
   where jsonb_array_length(p_tables) > 1000
   limit 1;
$$;
COMMENT ON FUNCTION ampsync_private.reload_refusal(p_dataset ampsync_private.dataset, p_tables jsonb) IS 'Why the tables of a dataset cannot be made to fit the version that it was offered; null if they can.';
CREATE FUNCTION ampsync_private.repair_found(p_dataset_id bigint, p_dataset text, p_table_name text, p_accept_fewer boolean) RETURNS TABLE(table_name text, from_block bigint, to_block bigint, state text, hint text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_range record;
begin
  for v_range in
    with damage as (
      select s.stream_id, v.table_name, v.first_block, v.last_block, v.hint,
             ampsync_private.repairable(s.stream_id, v.finding, v.first_block, v.last_block) as blocks
        from ampsync.verify(p_dataset, p_table_name) v
        join ampsync_private.stream s
          on s.dataset_id = p_dataset_id and s.table_name = v.table_name and s.shadow_of is null
    )
    select d.stream_id, d.table_name, lower(b.blocks) as from_block, upper(b.blocks) - 1 as to_block,
           null::text as hint
      from (select i.stream_id, i.table_name, range_agg(i.blocks) as blocks
              from damage i
             where i.blocks is not null
             group by i.stream_id, i.table_name) d
     cross join lateral unnest(d.blocks) b(blocks)
     union all
    select d.stream_id, d.table_name, d.first_block, d.last_block, d.hint
      from damage d
     where d.blocks is null
     order by table_name, from_block
  loop
    table_name := v_range.table_name;
    from_block := v_range.from_block;
    to_block := v_range.to_block;
    hint := v_range.hint;
    perform 1
       from ampsync_private.stream s
      where s.stream_id = v_range.stream_id
        for key share;
    if not found then
      continue; -- Dropped meanwhile.
    elsif hint is not null then
      state := 'refused';
    elsif exists (select 1
                    from ampsync_private.repair r
                   where r.stream_id = v_range.stream_id
                     and r.first_block <= v_range.from_block
                     and r.last_block >= v_range.to_block
                     and r.accept_fewer >= p_accept_fewer) then
      state := 'waiting';
    else
      perform ampsync_private.request_repair(v_range.stream_id, from_block, to_block, p_accept_fewer);
      state := 'queued';
    end if;
    return next;
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_private.repair_found(p_dataset_id bigint, p_dataset text, p_table_name text, p_accept_fewer boolean) IS 'Request repairs of all that verify finds in a dataset; returns what becomes of each range.';
CREATE FUNCTION ampsync_private.repair_obstacle(p_stream_id bigint, p_first_block bigint, p_last_block bigint) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select case
           when s.query is not null then 'query'
           when not s.has_block_num then 'block_num'
           when not coalesce(p_first_block between s.origin and p_last_block
                             and p_last_block between s.from_block and s.checkpoint_block, false) then 'range'
           when not coalesce(p_last_block < (select min(h.first_block)
                                               from ampsync_private.history h
                                              where h.stream_id = s.stream_id), false)
                and ampsync_private.hash_column(s.stream_id) is null then 'reorg'
         end
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
$$;
COMMENT ON FUNCTION ampsync_private.repair_obstacle(p_stream_id bigint, p_first_block bigint, p_last_block bigint) IS 'Why a range of blocks cannot be fetched again: query, block_num, range or reorg; null if it can.';
CREATE FUNCTION ampsync_private.repairable(p_stream_id bigint, p_finding text, p_first_block bigint, p_last_block bigint) RETURNS int8range
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select int8range(b.first_block, b.last_block, '[]')
    from ampsync_private.stream s
   cross join lateral (
      select greatest(p_first_block, s.origin, s.from_block) as first_block,
             least(p_last_block, s.checkpoint_block) as last_block
    ) b
   where s.stream_id = p_stream_id
     and p_finding not in ('table gone', 'rows outside')
     and ampsync_private.repair_obstacle(s.stream_id, b.first_block, b.last_block) is null;
$$;
COMMENT ON FUNCTION ampsync_private.repairable(p_stream_id bigint, p_finding text, p_first_block bigint, p_last_block bigint) IS 'The part of a damaged range of blocks that can be fetched again; null if only a resync helps.';
CREATE FUNCTION ampsync_private.replace_target(p_old regclass, p_new regclass, p_keep_schema text, p_keep_name text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '300ms'
    SET jit TO 'off'
    AS $$
declare
  v_name   text;
  v_owner  name;
  v_grants jsonb;
  v_steps  jsonb;
  v_step   record;
begin
  perform ampsync_private.refuse_obstacles(p_old, ampsync_private.table_columns(p_new)); -- Before anybody waits.
  perform ampsync_private.lock_replacement(array[p_old, p_new]);
  perform ampsync_private.refuse_obstacles(p_old, ampsync_private.table_columns(p_new));
  perform ampsync_private.copy_indexes(p_old, p_new);
  perform ampsync_private.drop_stale_indexes(p_old, p_new);
  select format('%I.%I', n.nspname, c.relname), pg_get_userbyid(c.relowner),
         ampsync_private.kept_grants(p_old, p_new),
         (select jsonb_agg(to_jsonb(s)) from ampsync_private.replacement_steps(p_old, p_new) s)
    into strict v_name, v_owner, v_grants, v_steps
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.oid = p_old;
  select null::oid as class_id, null::oid as object_id into v_step;
  begin -- What fails is told with the names from before.
    perform ampsync_private.strip_table(p_old);
    perform ampsync_private.strip_table(p_new);
    perform ampsync_private.exchange_names(p_old, p_new, p_keep_schema, p_keep_name);
    execute format('alter table %s owner to %I', v_name, v_owner);
    for v_step in
      select *
        from jsonb_to_recordset(v_steps) s(class_id oid, object_id oid, ddl text)
    loop
      execute v_step.ddl;
    end loop;
  exception
    when lock_not_available or deadlock_detected or serialization_failure then
      raise;
    when others then
      if v_step.class_id is null then
        raise;
      end if;
      call ampsync_private.raise_not_copied(p_old, v_step.class_id, v_step.object_id, sqlerrm);
  end;
  perform ampsync_private.set_grants(v_name::regclass, v_grants); -- Last: the owner may have none.
end;
$$;
COMMENT ON FUNCTION ampsync_private.replace_target(p_old regclass, p_new regclass, p_keep_schema text, p_keep_name text) IS 'Put a table with other columns in the place of a target, with all that hangs on it; the old one is kept aside.';
CREATE FUNCTION ampsync_private.replacement_obstacles(p_old regclass, p_columns jsonb) RETURNS TABLE(object text, reason text, remedy text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET jit TO 'off'
    AS $$
  with fate as (
    select coalesce(array_agg(f.name) filter (where f.gone), '{}') as gone,
           coalesce(array_agg(f.name) filter (where f.changed), '{}') as changed
      from ampsync_private.column_fate(p_old, p_columns) f
  ),
  recreated as (
    select v.view
      from fate f
     cross join lateral ampsync_private.dependent_views(p_old, f.changed) v
     where v.is_recreated
  ),
  dependent as ( -- `missing`: columns that it needs and the new table lacks. `owner`: whose rights we need.
    select d.class_id, d.object_id, d.object_sub_id, d.by_type,
           (select string_agg(quote_ident(n.name), ', ') from unnest(d.columns) n(name) where n.name = any (f.gone))
             as missing,
           case d.class_id
             when 'pg_class'::regclass then
               (select case when c.relkind in ('i', 't') then 'kept'
                            when c.relkind = 'S' then 'is owned by one of its columns'
                            else 'inherits from it' end
                  from pg_class c where c.oid = d.object_id)
             when 'pg_attrdef'::regclass then
               (select case when a.adrelid = p_old then 'kept' else 'names it' end
                  from pg_attrdef a where a.oid = d.object_id)
             when 'pg_constraint'::regclass then
               (select case when k.contype = 'f' then 'is a foreign key'
                            when k.conrelid = p_old and k.contype in ('c', 'n', 'p', 't', 'u', 'x') then 'kept' end
                  from pg_constraint k where k.oid = d.object_id)
             when 'pg_trigger'::regclass then
               (select case when t.tgisinternal then 'kept' when t.tgrelid = p_old then 'needed'
                            else 'refers to it' end
                  from pg_trigger t where t.oid = d.object_id)
             when 'pg_rewrite'::regclass then
               (select case when c.relpersistence = 't' then 'is temporary, of a session that goes on'
                            when c.relkind = 'm' then 'reads it, and keeps rows of its own'
                            else 'needed' end
                  from pg_rewrite r join pg_class c on c.oid = r.ev_class where r.oid = d.object_id)
             when 'pg_proc'::regclass then
               (select case when p.prokind <> 'a' then 'needed' end from pg_proc p where p.oid = d.object_id)
             when 'pg_policy'::regclass then 'needed'
             when 'pg_publication_rel'::regclass then 'needed'
             when 'pg_statistic_ext'::regclass then 'kept'
           end as verdict,
           case d.class_id
             when 'pg_rewrite'::regclass then
               (select c.relowner from pg_rewrite r join pg_class c on c.oid = r.ev_class where r.oid = d.object_id)
             when 'pg_proc'::regclass then (select p.proowner from pg_proc p where p.oid = d.object_id)
             when 'pg_policy'::regclass then
               (select c.relowner from pg_policy p join pg_class c on c.oid = p.polrelid where p.oid = d.object_id)
             when 'pg_publication_rel'::regclass then
               (select p.pubowner
                  from pg_publication_rel r join pg_publication p on p.oid = r.prpubid where r.oid = d.object_id)
             when 'pg_statistic_ext'::regclass then
               (select s.stxowner from pg_statistic_ext s where s.oid = d.object_id)
           end as owner
      from fate f
     cross join lateral ampsync_private.dependents(p_old) d
    union all
    select d.class_id, d.object_id, d.object_sub_id, d.by_type, null,
           case when d.class_id = 'pg_rewrite'::regclass
                 and exists (select 1
                               from pg_rewrite r
                              where r.oid = d.object_id
                                and (r.ev_class = w.view
                                     or r.rulename = '_RETURN' and r.ev_class in (select v.view from recreated v)))
                or d.class_id in ('pg_attrdef'::regclass, 'pg_trigger'::regclass) then 'kept'
                else format('uses view %s, a column of which changes its type', w.view) end,
           (select c.relowner from pg_class c where c.oid = w.view)
      from recreated w
     cross join lateral ampsync_private.dependents(w.view) d
  ),
  obstacle (class_id, object_id, object_sub_id, reason) as (
    select d.class_id, d.object_id, d.object_sub_id,
           case when d.by_type then 'uses the row type of the table'
                when d.verdict = 'kept' and d.owner is null then null
                when d.verdict = 'needed' and d.missing is not null then 'needs column ' || d.missing
                when d.verdict not in ('kept', 'needed') then d.verdict
                when d.verdict is null then 'depends on it'
                when not pg_has_role(d.owner, 'usage') then format('belongs to %I', pg_get_userbyid(d.owner)) end
      from dependent d
    union all
    select 'pg_constraint'::regclass, k.oid, 0, 'is a primary key other than that of ampsync'
      from pg_constraint k
     cross join fate f
     where k.conrelid = p_old
       and k.contype = 'p'
       and ampsync_private.index_shape(k.conindid) not in ('p unique USINGbtree_id',
                                                        'p unique USINGbtree_tx_id,_row_index')
       and not ampsync_private.index_columns(k.conindid) <@ f.gone -- Otherwise it stays with the old table.
  )
  select case when r.ev_class is null then pg_describe_object(o.class_id, o.object_id, o.object_sub_id)
              else pg_describe_object('pg_class'::regclass, r.ev_class, 0) end,
         o.reason,
         case when o.reason like 'belongs to %'
                then format('grant %s to %I;', substr(o.reason, length('belongs to ') + 1), current_user)
              when r.ev_class is null
                then ampsync_private.drop_statement(o.class_id, o.object_id, o.object_sub_id)
              else ampsync_private.drop_statement('pg_class'::regclass, r.ev_class, 0) end
    from (select distinct o.* from obstacle o where o.reason is not null) o
    left join pg_rewrite r on o.class_id = 'pg_rewrite'::regclass and r.oid = o.object_id and r.rulename = '_RETURN'
  union all
  select pg_describe_object('pg_class'::regclass, p_old, 0), s.reason, s.remedy
    from pg_class c
   cross join lateral (
     select 'is no ordinary table', null
      where c.relkind <> 'r'
     union all
     select format('belongs to %I', pg_get_userbyid(c.relowner)),
            format('grant %I to %I;', pg_get_userbyid(c.relowner), current_user)
      where not pg_has_role(c.relowner, 'usage')
     union all
     select 'is of type ' || format_type(c.reloftype, -1), format('alter table %s not of;', p_old)
      where c.reloftype <> 0
     union all
     select 'inherits from ' || i.inhparent::regclass,
            format('alter table %s no inherit %s;', p_old, i.inhparent::regclass)
       from pg_inherits i
      where i.inhrelid = p_old
     union all
     select format('has a security label of %s', l.provider),
            format('security label for %I on %s is null;', l.provider,
                   case when l.objsubid = 0 then 'table ' || p_old
                        else format('column %s.%I', p_old, (select a.attname
                                                              from pg_attribute a
                                                             where a.attrelid = p_old and a.attnum = l.objsubid)) end)
       from pg_seclabel l
      where l.classoid = 'pg_class'::regclass and l.objoid = p_old
     union all
     select 'belongs to extension ' || quote_ident(e.extname),
            format('alter extension %I drop table %s;', e.extname, p_old)
       from pg_depend d
       join pg_extension e on d.refclassid = 'pg_extension'::regclass and e.oid = d.refobjid
      where d.classid = 'pg_class'::regclass and d.objid = p_old and d.deptype = 'e'
     union all
     select format('has %s that is dropped with extension %I', pg_describe_object(d.classid, d.objid, 0), e.extname),
            format('alter %s no depends on extension %I;', i.type || ' ' || i.identity, e.extname)
       from pg_depend d
       join pg_extension e on d.refclassid = 'pg_extension'::regclass and e.oid = d.refobjid
      cross join lateral pg_identify_object(d.classid, d.objid, 0) i
      where d.deptype = 'x'
        and (d.classid = 'pg_class'::regclass
             and d.objid in (select x.indexrelid from pg_index x where x.indrelid = p_old)
             or d.classid = 'pg_trigger'::regclass
             and d.objid in (select t.oid from pg_trigger t where t.tgrelid = p_old))
     union all
     select 'is written by a subscription', null
       from pg_subscription_rel r
      where r.srrelid = p_old
   ) s(reason, remedy)
   where c.oid = p_old;
$$;
COMMENT ON FUNCTION ampsync_private.replacement_obstacles(p_old regclass, p_columns jsonb) IS 'What would be lost, or is in the way, if a table with these columns replaced another.';
CREATE FUNCTION ampsync_private.replacement_steps(p_old regclass, p_new regclass) RETURNS TABLE(class_id oid, object_id oid, ddl text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with target as (
    select format('%I.%I', n.nspname, c.relname) as name
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where c.oid = p_old
  )
  select s.class_id, s.object_id, s.ddl
    from target t
   cross join lateral (
     select 1, i.* from ampsync_private.table_steps(p_old, p_new, t.name) with ordinality i
     union all
     select 2, i.* from ampsync_private.column_steps(p_old, p_new, t.name) with ordinality i
     union all
     select 3, i.* from ampsync_private.index_steps(p_old, p_new, t.name) with ordinality i
     union all
     select 4, i.* from ampsync_private.check_steps(p_old, p_new, t.name) with ordinality i
     union all
     select 5, i.* from ampsync_private.statistics_steps(p_old, p_new) with ordinality i
     union all
     select 6, i.* from ampsync_private.view_steps(p_old, p_new) with ordinality i
     union all
     select 7, i.* from ampsync_private.function_steps(p_old) with ordinality i
     union all
     select 8, i.* from ampsync_private.trigger_steps(p_old, t.name) with ordinality i
     union all
     select 9, i.* from ampsync_private.rule_steps(p_old, t.name) with ordinality i
     union all
     select 10, i.* from ampsync_private.policy_steps(p_old, t.name) with ordinality i
     union all
     select 11, i.* from ampsync_private.publication_steps(p_old, t.name) with ordinality i
   ) s(phase, class_id, object_id, ddl, n)
   order by s.phase, s.n;
$$;
COMMENT ON FUNCTION ampsync_private.replacement_steps(p_old regclass, p_new regclass) IS 'All statements that give a new table what hangs on the old one.';
CREATE FUNCTION ampsync_private.request_repair(p_stream_id bigint, p_first_block bigint, p_last_block bigint, p_accept_fewer boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  insert into ampsync_private.repair as r (stream_id, first_block, last_block, requested_at, due_at, accept_fewer)
  values (p_stream_id, p_first_block, p_last_block, ampsync_private.now(), ampsync_private.now(), p_accept_fewer)
  on conflict on constraint repair_pkey do update -- Requested again, or for more blocks.
     set last_block   = greatest(r.last_block, excluded.last_block),
         due_at       = excluded.due_at,
         accept_fewer = excluded.accept_fewer,
         error        = null;
  -- The next heartbeat asks a pass under way to yield; it then queues the next pass itself.
  perform ampsync_private.schedule_stream(l.stream_id)
     from ampsync_private.lease l
     join ampsync_private.stream s using (stream_id)
    where l.stream_id = p_stream_id
      and coalesce(l.lease_until <= ampsync_private.now(), true)
      and not ampsync_private.is_halted(s.state);
  perform ampsync_private.journal(p_stream_id, 'repair_requested',
            jsonb_build_object('from_block', p_first_block, 'to_block', p_last_block, 'accept_fewer', p_accept_fewer));
end;
$$;
COMMENT ON FUNCTION ampsync_private.request_repair(p_stream_id bigint, p_first_block bigint, p_last_block bigint, p_accept_fewer boolean) IS 'Note that blocks of a stream are to be fetched again, and have its next pass do it.';
CREATE FUNCTION ampsync_private.request_upgrade(p_dataset_id bigint, p_from_block bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
COMMENT ON FUNCTION ampsync_private.request_upgrade(p_dataset_id bigint, p_from_block bigint) IS 'Note that a dataset shall be upgraded to the version that it was offered.';
CREATE FUNCTION ampsync_private.rests(p_stream_id bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return exists (
    select 1
      from ampsync_private.stream s
      join ampsync_private.dataset d using (dataset_id)
     where s.stream_id = p_stream_id
       and d.quiesce_until > ampsync_private.now()
  );
end;
$$;
COMMENT ON FUNCTION ampsync_private.rests(p_stream_id bigint) IS 'Whether the writers of a stream''s dataset rest, so that its tables can be altered.';
CREATE FUNCTION ampsync_private.resync_instead(p_stream_id bigint, p_error jsonb) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_now     timestamptz := ampsync_private.now();
  v_live_id bigint;
  v_dataset ampsync_private.dataset;
  v_run_at  timestamptz;
begin
  select s.shadow_of into v_live_id
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  select d.* into strict v_dataset
    from ampsync_private.dataset d
    join ampsync_private.stream s using (dataset_id)
   where s.stream_id = p_stream_id;
  if v_live_id is null and v_dataset.on_deep_reorg <> 'resync' then
    return false;
  end if;
  if v_live_id is null and exists (select 1
                                     from ampsync_private.stream w
                                    where w.shadow_of = p_stream_id and ampsync_private.is_beside(w)) then
    update ampsync_private.stream s -- The upgrade loads it anyway; until then its rows stay as they are.
       set state = 'resyncing', since = v_now, attempts = 0, next_retry = null, error = null
     where s.stream_id = p_stream_id;
    perform ampsync_private.journal(p_stream_id, 'deep_reorg_resync', p_error);
    return true;
  end if;
  v_live_id := coalesce(v_live_id, p_stream_id);
  select v_now + ampsync_private.retry_delay(count(*)::integer + 1, '{0,60,300,900}') into v_run_at
    from ampsync_private.event e
   where e.event = 'deep_reorg_resync'
     and e.stream_id = v_live_id
     and e.at > v_now - interval '1 h';
  perform ampsync_private.start_shadow(v_live_id, v_run_at);
  perform ampsync_private.journal(v_live_id, 'deep_reorg_resync',
                                  p_error || jsonb_build_object('run_at', v_run_at));
  return true;
end;
$$;
COMMENT ON FUNCTION ampsync_private.resync_instead(p_stream_id bigint, p_error jsonb) IS 'Answer a deep reorg with a resync, if the policy says so; false if the stream has to stop.';
CREATE FUNCTION ampsync_private.retire_checkpoints(p_schema text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '300ms'
    AS $$
declare
  v_backup constant text := '_ampsync_checkpoints_backup';
begin
  if exists (select 1
               from pg_class c
              where c.relnamespace = quote_ident(p_schema)::regnamespace
                and c.relname = '_ampsync_checkpoints'
                and c.relkind in ('r', 'p'))
     and not exists (select 1
                       from pg_class c
                      where c.relnamespace = quote_ident(p_schema)::regnamespace
                        and c.relkind in ('r', 'p')
                        and ampsync_private.earlier_ampsync(p_schema, c.relname) is not null) then
    execute format('alter table %I._ampsync_checkpoints rename to %I', p_schema,
                   case when to_regclass(format('%I.%I', p_schema, v_backup)) is null then v_backup
                        else ampsync_private.free_name(p_schema, v_backup) end);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.retire_checkpoints(p_schema text) IS 'Rename the checkpoints of the Rust ampsync once it has no table left in a schema.';
CREATE FUNCTION ampsync_private.retry_delay(p_attempts integer, p_seconds integer[]) RETURNS interval
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select make_interval(
    secs => p_seconds[least(greatest(p_attempts, 1), cardinality(p_seconds))] * (0.8 + 0.4 * random())
  );
$$;
COMMENT ON FUNCTION ampsync_private.retry_delay(p_attempts integer, p_seconds integer[]) IS 'A jittered pause: the n-th of a list of seconds, the last one from there on.';
CREATE FUNCTION ampsync_private.revoke_lease(p_stream_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '5s'
    AS $$
begin
  perform ampsync_private.close_fence(p_stream_id);
  perform 1
     from ampsync_private.stream s
    where s.stream_id = p_stream_id
      for no key update;
  perform 1 -- As in a takeover: the lock that check_lease waits for.
     from ampsync_private.lease l
    where l.stream_id = p_stream_id
      for update;
  update ampsync_private.lease l
     set epoch = l.epoch + 1, holder = null, lease_until = null, rows_per_s = null, waits_for = null, waits_hint = null
   where l.stream_id = p_stream_id;
end;
$$;
COMMENT ON FUNCTION ampsync_private.revoke_lease(p_stream_id bigint) IS 'Take a stream''s lease away from its holder, immediately.';
CREATE FUNCTION ampsync_private.row_block(p_identity text, p_alias text DEFAULT 't'::text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return format(case p_identity when 'content' then 'ampsync_private.block_of(%s)' when 'transaction' then '%s' end,
                ampsync_private.block_key(p_identity, p_alias));
end;
$$;
COMMENT ON FUNCTION ampsync_private.row_block(p_identity text, p_alias text) IS 'The block of a row of a target, as an expression.';
CREATE FUNCTION ampsync_private.rule_steps(p_old regclass, p_name text) RETURNS TABLE(class_id oid, object_id oid, ddl text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with used as (
    select r.*
      from pg_rewrite r
     where r.rulename <> '_RETURN'
       and (r.ev_class = p_old
            or r.oid in (select d.object_id
                           from ampsync_private.dependents(p_old) d
                          where d.class_id = 'pg_rewrite'::regclass))
  )
  select 'pg_rewrite'::regclass::oid, s.oid, s.ddl
    from (select 1, r.oid, regexp_replace(pg_get_ruledef(r.oid), '^CREATE RULE', 'CREATE OR REPLACE RULE')
            from used r
          union all
          select 2, r.oid, format('alter table %s %s rule %I', p_name,
                                  case r.ev_enabled when 'D' then 'disable' when 'R' then 'enable replica'
                                                    else 'enable always' end, r.rulename)
            from used r
           where r.ev_class = p_old and r.ev_enabled <> 'O'
          union all
          select 3, r.oid, format('comment on rule %I on %s is %L', r.rulename, p_name,
                                  obj_description(r.oid, 'pg_rewrite'))
            from used r
           where r.ev_class = p_old and obj_description(r.oid, 'pg_rewrite') is not null) s(n, oid, ddl)
   order by s.n;
$$;
COMMENT ON FUNCTION ampsync_private.rule_steps(p_old regclass, p_name text) IS 'Statements that give a table the rules of the one that it replaces.';
CREATE FUNCTION ampsync_private.same_version(p_version text, p_hash text, p_other_version text, p_other_hash text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select coalesce(p_version = p_other_version and p_hash = p_other_hash, p_version = p_other_version, false);
$$;
COMMENT ON FUNCTION ampsync_private.same_version(p_version text, p_hash text, p_other_version text, p_other_hash text) IS 'Whether two versions are the same, by name and hash.';
CREATE FUNCTION ampsync_private.sanitise_query(p_sql text, OUT query text, OUT removed text[], OUT fault text) RETURNS record
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  -- Words after which an expression is still to come: no clause begins there, and no function is called so.
  c_open    constant text[] := '{ALL,AND,ANY,AS,BETWEEN,BY,CASE,CROSS,DISTINCT,ELSE,EXCEPT,EXISTS,FILTER,FROM,FULL,
    GROUP,HAVING,ILIKE,IN,INNER,INTERSECT,IS,JOIN,LATERAL,LIKE,MATERIALIZED,NATURAL,NOT,ON,OR,OUTER,OVER,QUALIFY,
    RECURSIVE,SELECT,SOME,THEN,UNION,USING,VALUES,WHEN,WHERE,WINDOW,WITH}';
  c_query   constant text[] := '{SELECT,VALUES,WITH}';
  v_kinds   text[];
  v_words   text[];
  v_sources text[];
  v_spaces  text[];
  v_frames  boolean[] := '{true}'; -- Of each open parenthesis: whether a query is in it.
  v_depth   integer := 1;
  v_skipped integer; -- The depth of the clause that is being removed.
  v_clause  text := '';
  v_out     text := '';
  v_next    integer;
  v_is_end  boolean;
  v_starts  boolean;
  v_is_cut  boolean := false;
  v_ended   boolean := false;
begin
  removed := '{}';
  if length(p_sql) > 16384 then
    fault := format('it has %s characters, more than 16,384', length(p_sql));
    return;
  end if;
  -- Each token with the space before it.
  with token as materialized (
    select t.n, t.kind, t.word, t.source,
           sum((t.kind <> 'space')::integer)
             over (order by t.n rows between unbounded preceding and 1 preceding) as part
      from ampsync_private.sql_tokens(p_sql) t
  ),
  spaced as (
    select coalesce(t.part, 0) as part,
           max(t.n) as n,
           string_agg(case when t.kind <> 'space' then '' when t.source ~ '^(--|/[*])' then ' ' else t.source end, ''
                      order by t.n) as space
      from token t
     group by 1
  )
  select array_agg(t.kind order by t.n), array_agg(t.word order by t.n), array_agg(t.source order by t.n),
         array_agg(s.space order by t.n)
    into v_kinds, v_words, v_sources, v_spaces
    from spaced s
    join token t using (n)
   where t.kind <> 'space';
  if coalesce(v_sources, '{;}') <@ '{;}' then
    fault := 'it is blank';
    return;
  elsif 'open' = any (v_kinds) then
    fault := format('it ends inside quotes or a comment, or has a comment in a comment: %s',
                    left(v_sources[cardinality(v_sources)], 60));
    return;
  end if;
  for i in 1 .. cardinality(v_sources) loop
    if v_ended and v_sources[i] <> ';' then
      fault := format('it is more than one statement: the second one begins with %s', left(v_sources[i], 60));
      return;
    end if;
    if v_sources[i] = '(' then
      v_next := i + 1;
      if not coalesce(v_kinds[i - 1] = 'name' or v_kinds[i - 1] = 'word' and v_words[i - 1] <> all (c_open), false) then
        while v_sources[v_next] = '(' loop -- ((select …) union …)
          v_next := v_next + 1;
        end loop;
      end if;
      v_frames[v_depth + 1] := coalesce(v_kinds[v_next] = 'word' and v_words[v_next] = any (c_query), false);
      v_depth := v_depth + 1;
    elsif v_sources[i] = ')' then
      v_depth := v_depth - 1;
      if v_depth < 1 then
        fault := 'it has a closing parenthesis too many';
        return;
      end if;
      if v_depth < v_skipped then
        v_skipped := null;
      end if;
    elsif v_sources[i] = ';' then
      if v_depth > 1 then
        fault := 'it has a semicolon inside parentheses';
        return;
      end if;
      v_ended := true;
      continue;
    elsif v_kinds[i] = 'word' and v_frames[v_depth] and v_depth = coalesce(v_skipped, v_depth) then
      v_is_end := v_clause in ('LIMIT', 'OFFSET', 'FETCH') and v_skipped is not null -- After LIMIT ALL, for instance.
                  or coalesce(v_kinds[i - 1] in ('name', 'literal') or v_sources[i - 1] in (')', ']')
                              or v_kinds[i - 1] = 'word' and v_words[i - 1] <> all (c_open), false);
      v_starts := v_is_end and case v_words[i]
        when 'ORDER' then v_words[i + 1] = 'BY'
        when 'LIMIT' then true
        when 'OFFSET' then v_kinds[i + 1] = 'literal' or v_sources[i + 1] in ('(', '$', ':', '?', '+', '-')
        when 'FETCH' then v_words[i + 1] in ('FIRST', 'NEXT')
        when 'SETTINGS' then v_depth = 1 and v_sources[i + 2] = '='
        else false end;
      if v_starts then
        v_skipped := v_depth;
        v_clause := v_words[i];
        removed := removed || ''::text;
      elsif v_skipped is not null and v_words[i] in ('UNION', 'EXCEPT', 'INTERSECT') then
        v_skipped := null;
      end if;
    end if;
    if v_skipped is null then
      v_out := v_out || case when v_is_cut and v_spaces[i] = '' and v_kinds[i] <> 'symbol' then ' '
                             else v_spaces[i] end || v_sources[i];
      v_is_cut := false;
    else
      v_is_cut := true;
      removed[cardinality(removed)] := ltrim(removed[cardinality(removed)] || v_spaces[i] || v_sources[i]);
    end if;
  end loop;
  if v_depth > 1 then
    fault := 'it has an opening parenthesis too many';
  elsif v_out !~* '^[[:space:](]*(select|with)([[:space:]("*]|$)' then
    fault := format('it begins with %s, not with SELECT or WITH', left(v_sources[1], 60));
  else
    query := btrim(v_out, E' \t\r\n');
  end if;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.sanitise_query(p_sql text, OUT query text, OUT removed text[], OUT fault text) IS 'The query of a table without ORDER BY and LIMIT, what was removed, or why it is not one query.';
CREATE FUNCTION ampsync_private.schedule_index(p_stream_id bigint, p_not_before timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select graphile_worker.add_job(
    'ampsync_index',
    payload => json_build_object('stream_id', p_stream_id::text),
    job_key => 'ampsync_index:' || p_stream_id,
    run_at  => greatest(p_not_before, (select min(coalesce(t.next_retry, ampsync_private.now()))
                                         from ampsync_private.target_index t
                                        where t.stream_id = p_stream_id
                                          and t.state <> 'failed'))
  );
$$;
COMMENT ON FUNCTION ampsync_private.schedule_index(p_stream_id bigint, p_not_before timestamp with time zone) IS 'Queue the job that builds the indexes of a stream.';
CREATE FUNCTION ampsync_private.schedule_poll(p_dataset_id bigint, p_run_at timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select graphile_worker.add_job(
    'ampsync_poll',
    payload    => json_build_object('dataset_id', p_dataset_id::text),
    job_key    => 'ampsync_poll:' || p_dataset_id,
    run_at     => p_run_at
  );
$$;
COMMENT ON FUNCTION ampsync_private.schedule_poll(p_dataset_id bigint, p_run_at timestamp with time zone) IS 'Queue the job that looks for a new version of a dataset.';
CREATE FUNCTION ampsync_private.schedule_reload(p_dataset_id bigint) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select graphile_worker.add_job(
    'ampsync_reload',
    payload    => json_build_object('dataset_id', d.dataset_id::text),
    job_key    => 'ampsync_reload:' || d.dataset_id,
    run_at     => d.offered_retry
  )
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and coalesce(d.offered_version, d.offered_hash) is not null
     and not d.offered_declined;
$$;
COMMENT ON FUNCTION ampsync_private.schedule_reload(p_dataset_id bigint) IS 'Queue the job that takes over the version which a dataset was offered.';
CREATE FUNCTION ampsync_private.schedule_resolve(p_dataset_id bigint, p_run_at timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  update ampsync_private.dataset d
     set state = 'active', since = ampsync_private.now(), attempts = 0, next_retry = null, error = null
   where d.dataset_id = p_dataset_id
     and ampsync_private.has_only_queries(d)
     and d.state <> 'active';
  select graphile_worker.add_job(
    'ampsync_resolve',
    payload    => json_build_object('dataset_id', p_dataset_id::text),
    job_key    => 'ampsync_resolve:' || p_dataset_id,
    run_at     => p_run_at
  )
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and not ampsync_private.has_only_queries(d);
$$;
COMMENT ON FUNCTION ampsync_private.schedule_resolve(p_dataset_id bigint, p_run_at timestamp with time zone) IS 'Queue the job that resolves a dataset to a version and its tables.';
CREATE FUNCTION ampsync_private.schedule_stream(p_stream_id bigint, p_run_at timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select graphile_worker.add_job(
    'ampsync_stream',
    payload    => json_build_object('stream_id', p_stream_id::text),
    job_key    => 'ampsync_stream:' || p_stream_id,
    run_at     => p_run_at,
    flags      => '{ampsync_pass}'
  );
$$;
COMMENT ON FUNCTION ampsync_private.schedule_stream(p_stream_id bigint, p_run_at timestamp with time zone) IS 'Queue the next pass of a stream; replaces the one that waits, if any.';
CREATE FUNCTION ampsync_private.schedule_supervisor(p_run_at timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select graphile_worker.add_job(
    'ampsync_supervise',
    job_key      => 'ampsync_supervise',
    run_at       => coalesce(p_run_at, ampsync_private.now())
  )
   where p_run_at is not null
      or not ampsync_private.job_waits('ampsync_supervise', null);
$$;
COMMENT ON FUNCTION ampsync_private.schedule_supervisor(p_run_at timestamp with time zone) IS 'Make sure that a supervisor job is queued; at the given time, if any.';
CREATE FUNCTION ampsync_private.schedule_swap(p_shadow_id bigint) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select graphile_worker.add_job(
    'ampsync_swap',
    payload    => json_build_object('stream_id', p_shadow_id::text),
    job_key    => 'ampsync_swap:' || p_shadow_id,
    run_at     => (select s.swap_retry from ampsync_private.stream s where s.stream_id = p_shadow_id)
  );
$$;
COMMENT ON FUNCTION ampsync_private.schedule_swap(p_shadow_id bigint) IS 'Queue the swap of a shadow.';
CREATE FUNCTION ampsync_private.schedule_upgrade(p_dataset_id bigint, p_run_at timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select graphile_worker.add_job(
    'ampsync_upgrade',
    payload    => json_build_object('dataset_id', p_dataset_id::text),
    job_key    => 'ampsync_upgrade:' || p_dataset_id,
    run_at     => p_run_at
  );
$$;
COMMENT ON FUNCTION ampsync_private.schedule_upgrade(p_dataset_id bigint, p_run_at timestamp with time zone) IS 'Queue the job that moves the upgrade of a dataset on.';
CREATE FUNCTION ampsync_private.serving_index(p_target regclass, p_method text, p_columns text[], p_options smallint[]) RETURNS oid
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select i.indexrelid
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_am m on m.oid = c.relam
   where i.indrelid = p_target
     and i.indisvalid and i.indisready and i.indislive
     and i.indpred is null
     and i.indnkeyatts >= cardinality(p_columns)
     and m.amname in ('btree', p_method)
     and not exists ( -- Vectors of pg_index count from 0.
       select from generate_series(1, cardinality(p_columns)) k(n)
         left join pg_attribute a on a.attrelid = p_target and a.attnum = i.indkey[k.n - 1] and a.attnum > 0
         left join pg_opclass o on o.oid = i.indclass[k.n - 1]
        where a.attname is distinct from p_columns[k.n]
           or a.attcollation <> i.indcollation[k.n - 1]
           or not o.opcdefault)
     and (p_method = 'brin'
          or not exists (select from generate_series(1, cardinality(p_columns)) k(n)
                          where i.indoption[k.n - 1] <> p_options[k.n])
          or not exists (select from generate_series(1, cardinality(p_columns)) k(n)
                          where i.indoption[k.n - 1] <> 3 - p_options[k.n]))
   order by m.amname <> p_method, i.indnkeyatts, i.indexrelid
   limit 1;
$$;
COMMENT ON FUNCTION ampsync_private.serving_index(p_target regclass, p_method text, p_columns text[], p_options smallint[]) IS 'A valid index of a table that begins with these columns; null if there is none.';
CREATE FUNCTION ampsync_private.set_grants(p_relation regclass, p_grants jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_role  text := current_setting('role');
  v_grant record;
begin
  if ampsync_private.grants_of(p_relation, '{}') = p_grants then
    return;
  end if;
  for v_grant in
    select distinct coalesce(quote_ident(g.grantee), 'public') as grantee
      from jsonb_to_recordset(ampsync_private.grants_of(p_relation, '{}')) g(grantee text)
  loop
    execute format('revoke all on %s from %s cascade', p_relation, v_grant.grantee);
  end loop;
  for v_grant in
    with recursive entry as (
      select g.*
        from jsonb_to_recordset(p_grants)
               g("column" text, privilege text, grantor text, grantee text, grantable boolean)
    ),
    holder (role, privilege, depth) as ( -- How many hands a grant option went through before.
      select pg_get_userbyid(c.relowner)::text, p.privilege, 0
        from pg_class c
       cross join (select distinct e.privilege from entry e) p
       where c.oid = p_relation
      union
      select e.grantee, e.privilege, h.depth + 1
        from holder h
        join entry e on e.grantor = h.role and e.privilege = h.privilege and e.grantable and e.grantee <> h.role
       where h.depth < 20
    )
    select e.grantor, pg_get_userbyid(c.relowner)::text as owner,
           format('grant %s%s on %s to %s%s', e.privilege, ' (' || quote_ident(e."column") || ')', p_relation,
                  coalesce(quote_ident(e.grantee), 'public'),
                  case when e.grantable then ' with grant option' end) as ddl
      from entry e
      join pg_class c on c.oid = p_relation
     order by (select min(h.depth) from holder h where h.role = e.grantor and h.privilege = e.privilege)
  loop
    if v_grant.grantor = v_grant.owner then
      execute v_grant.ddl;
    else
      begin
        perform set_config('role', v_grant.grantor, true);
        execute v_grant.ddl;
        perform set_config('role', v_role, true);
      exception when insufficient_privilege then
        execute v_grant.ddl;
      end;
    end if;
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_private.set_grants(p_relation regclass, p_grants jsonb) IS 'Make the grants on a table or view exactly these.';
CREATE FUNCTION ampsync_private.sharing() RETURNS TABLE(worker_id text, held bigint, share numeric)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_now   timestamptz := ampsync_private.now();
  v_alive bigint;
begin
  select count(*) into v_alive
    from ampsync_private.worker w
   where w.heartbeat_at > v_now - interval '12 s' and w.lost_at is null and w.slots is not null;
  if v_alive < 2 then
    return; -- As nearly always in small installations: nothing is counted.
  end if;
  return query
  with counted as materialized (
    select l.holder, count(*) as held
      from ampsync_private.lease l
     where l.lease_until > v_now
     group by 1
  ),
  runnable as materialized (
    select count(*) as streams
      from ampsync_private.stream s
      join ampsync_private.lease l using (stream_id)
      join (select t.state, ampsync_private.is_halted(t.state) as is_halted -- Once per state.
              from ampsync_private.stream t group by 1 offset 0) h using (state)
     where not h.is_halted
       and (l.lease_until > v_now or coalesce(s.next_retry <= v_now, true))
  ),
  levels as ( -- Those with the fewest slots first: what they cannot take raises the level of the others.
    select w.worker_id, w.slots, coalesce(c.held, 0) as held,
           greatest(r.streams - coalesce(sum(w.slots) over (order by w.slots, w.worker_id
                                           rows between unbounded preceding and 1 preceding), 0), 0)::numeric
             / (v_alive + 1 - row_number() over (order by w.slots, w.worker_id)) as level
      from ampsync_private.worker w
     cross join runnable r
      left join counted c on c.holder = w.worker_id
     where w.heartbeat_at > v_now - interval '12 s' and w.lost_at is null and w.slots is not null
  )
  select v.worker_id, v.held, least(v.slots, e.level)
    from levels v
   cross join (select (array_agg(x.level order by x.slots, x.worker_id) filter (where x.slots >= x.level))[1] as level
                 from levels x) e; -- Null: all slots are taken.
end;
$$;
COMMENT ON FUNCTION ampsync_private.sharing() IS 'How many streams each living worker holds, and how many it should hold; no row where there is one worker.';
CREATE FUNCTION ampsync_private.shorten_times() RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  update ampsync_private.lease l
     set lease_until = ampsync_private.now() + ampsync_private.lease_duration()
   where l.lease_until > (select ampsync_private.now()) + ampsync_private.lease_duration() + interval '1 s';
  update ampsync_private.worker w
     set heartbeat_at = ampsync_private.now()
   where w.heartbeat_at > (select ampsync_private.now()) + interval '1 s';
  update ampsync_private.head d
     set reported_at = ampsync_private.now() - ampsync_private.lease_duration()
   where d.reported_at > (select ampsync_private.now()) + interval '1 s';
  update ampsync_private.stream s
     set next_retry = case when s.next_retry is not null then least(s.next_retry, ampsync_private.now()) end,
         swap_retry = case when s.swap_retry is not null then least(s.swap_retry, ampsync_private.now()) end
   where greatest(s.next_retry, s.swap_retry) > (select ampsync_private.now()) + interval '20 min';
  update ampsync_private.dataset d
     set next_retry = ampsync_private.now()
   where d.next_retry > (select ampsync_private.now()) + interval '20 min';
  update ampsync_private.repair r
     set due_at = ampsync_private.now()
   where r.due_at > (select ampsync_private.now()) + interval '20 min';
  update ampsync_private.target_index t
     set next_retry = ampsync_private.now()
   where t.next_retry > (select ampsync_private.now()) + interval '20 min';
$$;
COMMENT ON FUNCTION ampsync_private.shorten_times() IS 'Shorten leases and pauses that became too long because the clock was set back.';
CREATE FUNCTION ampsync_private.show_checkpoints(p_target_schema text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_writer name := ampsync_private.writer();
  v_is_new boolean;
  v_name   text := format('%I._ampsync_checkpoints', p_target_schema);
begin
  if p_target_schema = 'ampsync_private' then -- Shadows are not shown.
    return;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('ampsync.schema:' || p_target_schema, 0));
  if to_regclass(v_name) is not null
     and coalesce(strpos(ampsync_private.checkpoints_definition(p_target_schema), quote_literal(p_target_schema)) <> 0,
                  true) then
    return;
  end if;
  v_is_new := to_regclass(v_name) is null;
  execute format(
    'create or replace view %s as
     select c.target_table as table_name, c.network, c.incremental_block_num, c.incremental_updated_at,
            c.watermark_block_num, c.watermark_block_hash, c.watermark_updated_at, c.updated_at
       from ampsync.checkpoints c
      where c.target_schema = %L', v_name, p_target_schema);
  if v_is_new then
    if v_writer <> current_user then
      execute format('alter view %s owner to %I', v_name, v_writer);
    end if;
    perform ampsync_private.open_to_readers(v_name);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.show_checkpoints(p_target_schema text) IS 'Create the view of checkpoints in a target schema, or correct it.';
CREATE FUNCTION ampsync_private.source_schema(p_dataset ampsync_private.dataset, p_version text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select case when (p_dataset).has_namespaces
                then format('%s/%s@%s', (p_dataset).namespace, (p_dataset).name, p_version)
              when coalesce((p_dataset).revision, 'dev') = 'dev' then (p_dataset).name -- Follows a tag.
              else (p_dataset).name || '__' || replace(p_version, '.', '_') end;
$$;
COMMENT ON FUNCTION ampsync_private.source_schema(p_dataset ampsync_private.dataset, p_version text) IS 'The schema part of a table reference in the SQL of an Amp server.';
CREATE FUNCTION ampsync_private.split_ledger(p_stream_id bigint, p_first_block bigint, p_last_block bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream ampsync_private.stream;
  v_firsts bigint[];
  v_lasts  bigint[];
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  with crossing as (
    select l.first_block, l.last_block, l.row_count, l.id_xor
      from ampsync_private.ledger l
     where l.stream_id = p_stream_id
       and l.last_block >= p_first_block
       and l.first_block <= p_last_block
       and (l.first_block < p_first_block or l.last_block > p_last_block)
  ),
  sound as (
    delete from ampsync_private.ledger l
     using crossing c
     cross join lateral ampsync_private.measure_rows(
       v_stream.target, v_stream.identity, array[c.first_block], array[c.last_block]) m
     where l.stream_id = p_stream_id
       and l.last_block = c.last_block
       and (m.row_count, m.id_xor) = (c.row_count, c.id_xor)
    returning l.first_block, l.last_block
  )
  select array_agg(lower(p.part)), array_agg(upper(p.part) - 1) into v_firsts, v_lasts
    from sound s
   cross join lateral unnest(array[
      int8range(s.first_block, s.last_block, '[]') * int8range(null, p_first_block),
      int8range(s.first_block, s.last_block, '[]') * int8range(p_first_block, p_last_block, '[]'),
      int8range(s.first_block, s.last_block, '[]') * int8range(p_last_block + 1, null)]) p(part)
   where not isempty(p.part);
  insert into ampsync_private.ledger (stream_id, first_block, last_block, row_count, id_xor)
  select p_stream_id, m.first_block, m.last_block, m.row_count, m.id_xor
    from ampsync_private.measure_rows(v_stream.target, v_stream.identity, v_firsts, v_lasts) m;
end;
$$;
COMMENT ON FUNCTION ampsync_private.split_ledger(p_stream_id bigint, p_first_block bigint, p_last_block bigint) IS 'Split the sound ledger entries that reach beyond a range of blocks at its borders.';
CREATE FUNCTION ampsync_private.sql_tokens(p_sql text) RETURNS TABLE(n integer, kind text, word text, source text)
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
#variable_conflict use_column
declare
  v_rest  text := p_sql;
  v_parts text[];
  v_tag   text;
begin
  n := 0;
  while v_rest <> '' loop
    n := n + 1;
    v_tag := substring(v_rest from '^[$](?:[[:alpha:]_][[:alnum:]_]*)?[$]');
    if v_tag is not null then
      kind := 'literal';
      source := v_tag || split_part(substr(v_rest, length(v_tag) + 1), v_tag, 1) || v_tag;
      if not starts_with(v_rest, source) then
        kind := 'open';
        source := v_rest;
      end if;
    else
      v_parts := regexp_match(v_rest,
        '^(?:([[:space:]]+|--[^' || chr(10) || chr(13) || ']*|/[*](?:[^*/]|[*]+[^*/]|/+[^/*])*[*]+/)'
        || '|("(?:[^"]|"")+"|`(?:[^`]|``)+`)'
        || E'|([eE]''(?:[^''\\\\]|\\\\.|'''')*'''
        || '|[nNbBxXrR]?''(?:[^'']|'''')*''|[0-9](?:[0-9.]|[eE][+-]?[0-9])*)'
        || '|([[:alpha:]_][[:alnum:]_$]*)|(/(?![*])|[^"''`/]))');
      kind := case when v_parts is null then 'open'
                   when v_parts[1] is not null then 'space'
                   when v_parts[2] is not null then 'name'
                   when v_parts[3] is not null then 'literal'
                   when v_parts[4] is not null then 'word'
                   else 'symbol' end;
      source := coalesce(v_parts[1], v_parts[2], v_parts[3], v_parts[4], v_parts[5], v_rest);
    end if;
    word := case kind when 'word' then upper(source)
                      when 'name' then replace(substr(source, 2, length(source) - 2),
                                               repeat(left(source, 1), 2), left(source, 1)) end;
    return next;
    v_rest := substr(v_rest, length(source) + 1);
  end loop;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.sql_tokens(p_sql text) IS 'The tokens of a statement in the SQL of an Amp server.';
CREATE FUNCTION ampsync_private.start_polling(p_dataset_id bigint, p_pause interval) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with polled as (
    update ampsync_private.dataset d
       set poll_due      = least(d.poll_due, ampsync_private.now() + p_pause),
           poll_attempts = 0
     where d.dataset_id = p_dataset_id
       and ampsync_private.is_polled(d)
    returning d.dataset_id, d.poll_due
  )
  select ampsync_private.schedule_poll(p.dataset_id, p.poll_due) from polled p;
$$;
COMMENT ON FUNCTION ampsync_private.start_polling(p_dataset_id bigint, p_pause interval) IS 'Have the next poll of a dataset due after the given time at the latest.';
CREATE FUNCTION ampsync_private.start_shadow(p_stream_id bigint, p_run_at timestamp with time zone, p_from_block bigint DEFAULT NULL::bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_upgrade   ampsync_private.upgrade;
  v_shadow_id bigint;
begin
  perform ampsync_private.drop_shadow(p_stream_id);
  select u.* into v_upgrade
    from ampsync_private.stream s
    join ampsync_private.upgrade u using (dataset_id)
   where s.stream_id = p_stream_id
     and ampsync_private.is_upgraded(u, s);
  update ampsync_private.stream s
     set state = 'resyncing', since = ampsync_private.now(), attempts = 0, next_retry = null, error = null,
         load_started = null, load_from = null
   where s.stream_id = p_stream_id
     and s.state not in ('paused', 'resyncing')
     and v_upgrade.dataset_id is null;
  insert into ampsync_private.stream
         (dataset_id, table_name, shadow_of, target_schema, target_table, identity, version, manifest_hash,
          version_since, from_block, state, since, next_retry)
  select s.dataset_id, s.table_name, s.stream_id, 'ampsync_private', 'shadow_' || s.stream_id, s.identity,
         case when v_upgrade.dataset_id is null then s.version else v_upgrade.version end,
         case when v_upgrade.dataset_id is null then s.manifest_hash else v_upgrade.manifest_hash end,
         ampsync_private.now(), coalesce(p_from_block, v_upgrade.from_block, s.from_block),
         case when s.state = 'paused' then 'paused' else 'waiting' end, ampsync_private.now(),
         case when p_run_at > ampsync_private.now() then p_run_at end
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
  returning stream_id into v_shadow_id;
  insert into ampsync_private.lease (stream_id) values (v_shadow_id);
  perform ampsync_private.take_query(v_shadow_id);
  perform ampsync_private.schedule_stream(v_shadow_id, p_run_at);
end;
$$;
COMMENT ON FUNCTION ampsync_private.start_shadow(p_stream_id bigint, p_run_at timestamp with time zone, p_from_block bigint) IS 'Begin the resync of a stream: a shadow loads its table from the first block.';
CREATE FUNCTION ampsync_private.start_upgrade(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
COMMENT ON FUNCTION ampsync_private.start_upgrade(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables jsonb) IS 'Begin to build another version of a dataset beside the one that is followed.';
CREATE FUNCTION ampsync_private.statistics_steps(p_old regclass, p_new regclass) RETURNS TABLE(class_id oid, object_id oid, ddl text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with moved as (
    select s.oid, format('%I.%I', n.nspname, s.stxname) as name, pg_get_userbyid(s.stxowner) as owner,
           coalesce(s.stxstattarget, -1) as target
      from pg_statistic_ext s
      join pg_namespace n on n.oid = s.stxnamespace
     where s.stxrelid = p_old
       and not exists (select 1
                         from ampsync_private.column_fate(p_old, ampsync_private.table_columns(p_new)) f
                         join ampsync_private.dependents(p_old) d
                           on d.class_id = 'pg_statistic_ext'::regclass and f.name = any (d.columns)
                        where d.object_id = s.oid and f.gone)
  )
  select 'pg_statistic_ext'::regclass::oid, s.oid, s.ddl
    from (select 1, m.oid, format('drop statistics %s', m.name) from moved m
          union all
          select 2, m.oid, pg_get_statisticsobjdef(m.oid) from moved m
          union all
          select 3, m.oid, format('alter statistics %s set statistics %s', m.name, m.target)
            from moved m
           where m.target >= 0
          union all
          select 4, m.oid, format('comment on statistics %s is %L', m.name, obj_description(m.oid, 'pg_statistic_ext'))
            from moved m
           where obj_description(m.oid, 'pg_statistic_ext') is not null
          union all
          select 5, m.oid, format('alter statistics %s owner to %I', m.name, m.owner)
            from moved m
           where m.owner <> current_user) s(n, oid, ddl)
   order by s.n;
$$;
COMMENT ON FUNCTION ampsync_private.statistics_steps(p_old regclass, p_new regclass) IS 'Statements that move the extended statistics of a table to the one that replaces it.';
CREATE FUNCTION ampsync_private.stream_label(p_stream_id bigint) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select d.label
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.stream_id = p_stream_id;
$$;
COMMENT ON FUNCTION ampsync_private.stream_label(p_stream_id bigint) IS 'The dataset of a stream, as SQL functions take it.';
CREATE FUNCTION ampsync_private.strip_table(p_table regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_ddl text;
begin
  for v_ddl in
    select format('drop policy %I on %s', p.polname, p_table) from pg_policy p where p.polrelid = p_table
    union all
    select format('drop trigger %I on %s', t.tgname, p_table)
      from pg_trigger t
     where t.tgrelid = p_table and not t.tgisinternal
    union all
    select format('drop rule %I on %s', r.rulename, p_table) from pg_rewrite r where r.ev_class = p_table
    union all
    select format('alter publication %I drop table only %s', p.pubname, p_table)
      from pg_publication_rel r
      join pg_publication p on p.oid = r.prpubid
     where r.prrelid = p_table
  loop
    execute v_ddl;
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_private.strip_table(p_table regclass) IS 'Take from a table its policies, triggers, rules and places in publications.';
CREATE FUNCTION ampsync_private.suspect_waits(p_stream_id bigint, p_worker_id text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  c_deaths constant integer := 3;
  v_now    timestamptz := ampsync_private.now();
  v_stream ampsync_private.stream;
  v_lease  ampsync_private.lease;
  v_retry  timestamptz;
begin
  select * into strict v_stream from ampsync_private.stream s where s.stream_id = p_stream_id;
  select * into strict v_lease from ampsync_private.lease l where l.stream_id = p_stream_id;
  if v_lease.holder is not null and v_lease.holds and v_lease.holder <> p_worker_id
     and not exists (select from ampsync_private.worker w
                      where w.worker_id = v_lease.holder
                        and not ampsync_private.worker_is_dead(w.worker_id)
                        and w.heartbeat_at > v_now - ampsync_private.lease_duration()) then
    v_stream.deaths := v_stream.deaths + 1;
    update ampsync_private.stream s set deaths = v_stream.deaths where s.stream_id = p_stream_id;
    if v_stream.deaths >= c_deaths then
      v_retry := v_now + ampsync_private.retry_delay(v_stream.deaths - c_deaths + 1, '{30,60,120,240,480,750}');
      update ampsync_private.lease l
         set holder = null, lease_until = null, holds = false
       where l.stream_id = p_stream_id;
      update ampsync_private.stream s
         set state      = 'retrying',
             since      = case when s.state <> 'retrying' then v_now else s.since end,
             attempts   = s.attempts + 1,
             next_retry = v_retry,
             error      = jsonb_build_object(
               'code', 'SY108',
               'message', format('%s workers in a row died while they held data of this stream', v_stream.deaths),
               'detail', format('The last one was %s. The stream is retried automatically, at intervals that grow to '
                                '15 minutes; a worker retries one such stream at a time.', v_lease.holder),
               'hint', 'select * from ampsync.events order by event_id desc limit 20; '
                       '-- and look in the log of that worker: did it run out of memory?')
       where s.stream_id = p_stream_id;
      perform ampsync_private.schedule_stream(p_stream_id, v_retry);
      perform ampsync_private.journal(p_stream_id, 'stream_suspected', jsonb_build_object(
                'worker', v_lease.holder, 'deaths', v_stream.deaths, 'next_retry', v_retry));
      return true;
    end if;
  end if;
  if v_stream.deaths >= c_deaths
     and exists (select from ampsync_private.lease l
                   join ampsync_private.stream s using (stream_id)
                  where l.holder = p_worker_id
                    and l.lease_until > v_now
                    and l.stream_id <> p_stream_id
                    and s.deaths >= c_deaths
                    and (l.holds or l.acquired_at > v_now - interval '10 s')) then
    perform ampsync_private.schedule_stream(p_stream_id, v_now + interval '10 s');
    return true;
  end if;
  return false;
end;
$$;
COMMENT ON FUNCTION ampsync_private.suspect_waits(p_stream_id bigint, p_worker_id text) IS 'Count the workers that died with data of a stream; true if it has to wait, after three in a row.';
CREATE FUNCTION ampsync_private.swap_is_due(p_shadow_id bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $_$
declare
  v_shadow ampsync_private.stream;
  v_live   ampsync_private.stream;
  v_hash   bytea;
  v_differ boolean;
begin
  select * into v_shadow
    from ampsync_private.stream s
   where s.stream_id = p_shadow_id;
  select * into v_live
    from ampsync_private.stream s
   where s.stream_id = v_shadow.shadow_of;
  if not found or v_live.state <> 'resyncing' or ampsync_private.is_halted(v_shadow.state)
     or v_shadow.checkpoint_block is null then
    return false;
  end if;
  if (select count(*) from pg_class c where c.oid in (v_shadow.target, v_live.target)) < 2 then
    return true; -- One of them was dropped: the swap reports it.
  end if;
  if v_shadow.checkpoint_block >= v_live.checkpoint_block or v_live.checkpoint_block is null then
    return true;
  end if;
  if v_shadow.state <> 'live' then
    return false;
  end if;
  v_hash := ampsync_private.own_hash(v_live.stream_id, v_shadow.checkpoint_block);
  if v_hash is not null then
    return v_hash <> v_shadow.checkpoint_hash;
  end if;
  if not (v_live.has_block_num and v_shadow.has_block_num) then
    return false; -- Rows start with the border of a microbatch, and borders differ on the same chain too.
  end if;
  if not (ampsync_private.hold_target(v_live.stream_id) and ampsync_private.hold_target(p_shadow_id)) then
    return true; -- Just dropped.
  end if;
  if v_live.identity = 'transaction' then
    return ampsync_private.newest_rows_differ(v_live, v_shadow);
  end if;
  execute format(
    'select (select l._id from %s l where l._id >= $1 and l._id < $2 order by l._id desc limit 1)
            is distinct from (select s._id from %s s where s._id >= $1 and s._id < $2 order by s._id desc limit 1)',
    v_live.target, v_shadow.target)
     into v_differ
    using ampsync_private.block_prefix(greatest(v_live.from_block, v_shadow.from_block)), -- What both load.
          ampsync_private.block_prefix(v_shadow.checkpoint_block + 1);
  return v_differ;
end;
$_$;
COMMENT ON FUNCTION ampsync_private.swap_is_due(p_shadow_id bigint) IS 'Whether a shadow covers everything that it replaces, so that the swap may happen.';
CREATE FUNCTION ampsync_private.swap_key(p_dataset_id bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select hashtextextended('ampsync.swap:' || p_dataset_id, 0);
$$;
COMMENT ON FUNCTION ampsync_private.swap_key(p_dataset_id bigint) IS 'Key of the advisory lock held by whoever works for a swap of a dataset.';
CREATE FUNCTION ampsync_private.swap_runs(p_shadow_id bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return exists (
    select 1
      from ampsync_private.lease l
     cross join lateral ampsync_private.fence_holders(l.stream_id, l.epoch) f
     where l.stream_id = p_shadow_id
       and f.mode = 'ExclusiveLock'
  );
end;
$$;
COMMENT ON FUNCTION ampsync_private.swap_runs(p_shadow_id bigint) IS 'Whether a swap of a shadow is under way.';
CREATE FUNCTION ampsync_private.swap_streams(p_dataset_id bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_dataset ampsync_private.dataset;
  v_upgrade ampsync_private.upgrade;
  v_pair    record;
  v_paired  bigint[] := '{}';
  v_keep    boolean := false;
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
  perform ampsync_private.exchange_streams(v_paired, false, v_keep);
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
  return true;
end;
$$;
COMMENT ON FUNCTION ampsync_private.swap_streams(p_dataset_id bigint) IS 'End the upgrade of a dataset: all its tables get the rows of the new version, in one transaction.';
CREATE FUNCTION ampsync_private.switch_streams(p_dataset ampsync_private.dataset, p_tables text[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_now    timestamptz := ampsync_private.now();
  v_old    ampsync_private.stream;
  v_state  text;
  v_paused boolean := exists (select 1
                                from ampsync_private.stream s
                               where s.dataset_id = (p_dataset).dataset_id
                                 and s.state = 'paused');
begin
  for v_old in
    select s.*
      from ampsync_private.stream s
     where s.dataset_id = (p_dataset).dataset_id
       and s.state <> 'former'
       and s.query is null -- It names what it reads itself.
       and not exists (select 1
                         from ampsync_private.stream l
                        where l.stream_id = s.shadow_of
                          and (l.version, l.manifest_hash) is distinct from (s.version, s.manifest_hash))
     order by s.stream_id
       for no key update
  loop
    if v_old.table_name <> all (p_tables) then
      perform ampsync_private.orphan_stream(v_old.stream_id, (p_dataset).offered_version);
    else
      v_state := case
        when v_old.state = 'orphaned' and v_paused then 'paused'
        when v_old.state = 'orphaned' and exists (select 1
                                                    from ampsync_private.stream w
                                                   where w.shadow_of = v_old.stream_id
                                                      and w.state <> 'former') then 'resyncing'
        when v_old.state = 'orphaned'
             or v_old.state = 'failed' and v_old.error ->> 'code' in ('SY201', 'SY202', 'SY203', '42703')
          then 'retrying'
        else v_old.state end;
      update ampsync_private.stream s
         set version       = (p_dataset).offered_version,
             manifest_hash = (p_dataset).offered_hash,
             version_since = v_now,
             state         = v_state,
             since         = case when s.state <> v_state then v_now else s.since end,
             attempts      = case when s.state <> v_state then 0 else s.attempts end,
             error         = case when s.state = v_state then s.error end
       where s.stream_id = v_old.stream_id;
      if not ampsync_private.is_halted(v_state)
         and (v_state <> v_old.state or (p_dataset).quiesce_until is not null) then
        perform ampsync_private.schedule_stream(v_old.stream_id);
      end if;
    end if;
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_private.switch_streams(p_dataset ampsync_private.dataset, p_tables text[]) IS 'Have the streams of a dataset read the version that it was offered, from their next pass on.';
CREATE FUNCTION ampsync_private.sync_report(p_dataset_id bigint) RETURNS TABLE(dataset text, table_name text, state text, hint text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select d.label,
         coalesce(s.table_name, t.name),
         coalesce(s.state, case when d.state = 'active' then 'waiting' else d.state end),
         coalesce(case when s.query is distinct from d.queries ->> s.table_name
                         and s.state <> 'resyncing'
                    then format('select ampsync.resync(%L, %L); -- it keeps its earlier query until then',
                                d.label, s.table_name) end,
                  case when s.state <> 'retrying' or s.attempts > 0 then s.error ->> 'hint' end, d.error ->> 'hint',
                  case when u.dataset_id is not null
                       then format('select * from ampsync.upgrades; -- version %s is built beside %s',
                                   coalesce(u.version, u.manifest_hash),
                                   coalesce(d.resolved_version, d.resolved_hash)) end,
                  'select * from ampsync.streams;')
    from ampsync_private.dataset d
    left join lateral (
      select w.name from unnest(coalesce(d.tables, d.resolved_tables, array[null])) w(name)
       union
      select o.table_name from ampsync_private.stream o where o.dataset_id = d.dataset_id and o.state = 'orphaned'
    ) t on true
    left join ampsync_private.stream s
           on s.dataset_id = d.dataset_id and s.table_name = t.name and s.shadow_of is null
    left join ampsync_private.upgrade u on u.dataset_id = d.dataset_id
   where d.dataset_id = p_dataset_id
   order by 2;
$$;
COMMENT ON FUNCTION ampsync_private.sync_report(p_dataset_id bigint) IS 'The streams of one dataset, as far as they are known.';
CREATE FUNCTION ampsync_private.table_columns(p_table regclass) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod))
                   order by a.attnum)
    from pg_attribute a
   where a.attrelid = p_table
     and a.attnum > 0
     and not a.attisdropped;
$$;
COMMENT ON FUNCTION ampsync_private.table_columns(p_table regclass) IS 'The columns of a table as jsonb: [{"name", "type"}].';
CREATE FUNCTION ampsync_private.table_holders(p_table regclass) RETURNS TABLE(pid integer, holder text, is_autovacuum boolean)
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select distinct k.pid,
         case when k.pid is null then 'a prepared transaction'
              else format('backend %s (%s)', k.pid, concat_ws(', ', a.usename, nullif(a.application_name, ''),
                     case a.backend_type when 'client backend' then a.state else a.backend_type end,
                     'since ' || date_trunc('second', a.xact_start))) end,
         coalesce(a.backend_type = 'autovacuum worker', false)
    from pg_locks k
    left join pg_stat_activity a using (pid)
   where k.locktype = 'relation'
     and k.relation = p_table
     and k.database = (select d.oid from pg_database d where d.datname = current_database())
     and k.granted
     and k.pid is distinct from pg_backend_pid();
$$;
COMMENT ON FUNCTION ampsync_private.table_holders(p_table regclass) IS 'Who holds a lock on a table.';
CREATE FUNCTION ampsync_private.table_steps(p_old regclass, p_new regclass, p_name text) RETURNS TABLE(class_id oid, object_id oid, ddl text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with option as (
    select o.oid = p_old::oid as is_old, o.prefix || quote_ident(s.option_name) as name, s.option_value as value
      from (select c.oid, '' as prefix, c.reloptions from pg_class c where c.oid in (p_old, p_new)
            union all
            select c.oid, 'toast.', t.reloptions
              from pg_class c
              join pg_class t on t.oid = c.reltoastrelid
             where c.oid in (p_old, p_new)) o
     cross join lateral pg_options_to_table(o.reloptions) s
  )
  select 'pg_class'::regclass::oid, p_old::oid, s.ddl
    from (select format('alter table %s reset (%s)', p_name, string_agg(n.name, ', '))
            from option n
           where not n.is_old
             and n.name not in (select o.name from option o where o.is_old)
          having count(*) > 0
          union all
          select format('alter table %s set (%s)', p_name, string_agg(format('%s = %L', o.name, o.value), ', '))
            from option o
           where o.is_old
          having count(*) > 0
          union all
          select format('comment on table %s is %L', p_name, obj_description(p_old, 'pg_class'))
           where obj_description(p_old, 'pg_class') is not null
          union all
          select format('alter table %s replica identity %s', p_name,
                        case c.relreplident when 'f' then 'full' when 'n' then 'nothing' else 'default' end)
            from pg_class c
           where c.oid = p_old
             and c.relreplident <> 'i' -- With the index: index_steps.
          union all
          select format('alter table %s set without cluster', p_name)
           where not exists (select 1 from pg_index i where i.indrelid = p_old and i.indisclustered)) s(ddl);
$$;
COMMENT ON FUNCTION ampsync_private.table_steps(p_old regclass, p_new regclass, p_name text) IS 'Statements that give a table storage parameters, replica identity and comment of the one that it replaces.';
CREATE FUNCTION ampsync_private.take_over_stream(p_stream_id bigint, p_other_id bigint, p_target regclass) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform ampsync_private.forget_records(p_stream_id);
  perform ampsync_private.move_records(p_other_id, p_stream_id);
  update ampsync_private.stream s
     set target           = p_target,
         columns          = case when p_target = s.target then s.columns else o.columns end,
         has_block_num    = o.has_block_num,
         network          = o.network,
         version          = o.version,
         manifest_hash    = o.manifest_hash,
         version_since    = o.version_since,
         query            = o.query,
         from_block       = o.from_block,
         origin           = o.origin,
         checkpoint_block = o.checkpoint_block,
         checkpoint_hash  = o.checkpoint_hash,
         block_time       = o.block_time,
         committed_at     = ampsync_private.now(),
         load_started     = null,
         load_from        = null,
         row_total        = o.row_total,
         nul_counts       = o.nul_counts,
         nulled_counts    = o.nulled_counts,
         rewrites         = s.rewrites + 1,
         state            = case when s.state = 'paused' then s.state else 'backfill' end,
         since            = ampsync_private.now(),
         attempts         = 0,
         deaths           = 0,
         next_retry       = null,
         error            = null
    from ampsync_private.stream o
   where s.stream_id = p_stream_id
     and o.stream_id = p_other_id;
end;
$$;
COMMENT ON FUNCTION ampsync_private.take_over_stream(p_stream_id bigint, p_other_id bigint, p_target regclass) IS 'Move a stream to the records, version and checkpoint of another one.';
CREATE FUNCTION ampsync_private.take_query(p_stream_id bigint) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  update ampsync_private.stream s
     set query         = q.query,
         version       = case when q.query is null then d.resolved_version end,
         manifest_hash = case when q.query is null then d.resolved_hash else ampsync_private.query_hash(q.query) end,
         version_since = ampsync_private.now(),
         from_block    = case when q.query is null then s.from_block else 0 end
    from ampsync_private.stream o
    join ampsync_private.dataset d using (dataset_id)
    left join ampsync_private.stream l on l.stream_id = o.shadow_of -- A shadow begins without a query.
   cross join lateral (
      select coalesce(d.queries ->> o.table_name,
                      case when o.table_name = any (d.resolved_tables) is not true
                           then coalesce(l.query, o.query) end) as query) q
   where o.stream_id = p_stream_id
     and s.stream_id = o.stream_id
     and (q.query is distinct from o.query or l.query is not null and q.query is distinct from l.query);
$$;
COMMENT ON FUNCTION ampsync_private.take_query(p_stream_id bigint) IS 'Have a stream that has loaded nothing read the query that its dataset has for its table, or none.';
CREATE FUNCTION ampsync_private.target_ddl(p_target_schema text, p_table_name text, p_has_block_num boolean, p_columns jsonb, p_identity text) RETURNS SETOF text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select format('create schema %I', p_target_schema)
         || case when w.name <> current_user then format(' authorization %I', w.name) else '' end
    from ampsync_private.writer() w(name)
   where to_regnamespace(quote_ident(p_target_schema)) is null
  union all
  select format(
           E'create table %I.%I (\n  %s,\n  _block_num_start bigint not null,\n'
           '  _block_num_end bigint not null%s%s%s\n) with (\n  autovacuum_vacuum_scale_factor = 0.01,\n'
           '  autovacuum_vacuum_insert_scale_factor = 0.02,\n  autovacuum_analyze_scale_factor = 0.02,\n'
           '  vacuum_truncate = off\n)',
           p_target_schema, p_table_name,
           case p_identity when 'content' then '_id bytea not null primary key'
                           else E'_tx_id bigint not null,\n  _row_index integer not null' end,
           case when p_has_block_num then E',\n  _block_num bigint not null' else '' end,
           string_agg(format(E',\n  %I %s%s', c.value ->> 'name', c.value ->> 'type',
                             case when (c.value ->> 'not_null')::boolean then ' not null' else '' end), ''
                      order by c.ordinality),
           case p_identity when 'content' then '' else E',\n  primary key (_tx_id, _row_index)' end)
    from jsonb_array_elements(p_columns) with ordinality c
  union all
  select format('create index on %I.%I (_block_num_end)', p_target_schema, p_table_name)
   where p_identity = 'transaction'
  union all
  select format('alter table %I.%I %s', p_target_schema, p_table_name,
                string_agg(format('alter column %I %s', c.value ->> 'name', ampsync_private.long_values(s.enumvals)),
                           ', ' order by c.ordinality))
    from jsonb_array_elements(p_columns) with ordinality c,
         pg_settings s
   where c.value ->> 'type' in ('bytea', 'text')
     and s.name = 'default_toast_compression'
  having count(*) > 0;
$$;
COMMENT ON FUNCTION ampsync_private.target_ddl(p_target_schema text, p_table_name text, p_has_block_num boolean, p_columns jsonb, p_identity text) IS 'The statements that make a target table, and its schema if that is missing.';
CREATE FUNCTION ampsync_private.target_name(p_dataset ampsync_private.dataset, p_table_name text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select coalesce(p_dataset.rename ->> p_table_name, p_table_name);
$$;
COMMENT ON FUNCTION ampsync_private.target_name(p_dataset ampsync_private.dataset, p_table_name text) IS 'The name that the target of a table gets when it is created.';
CREATE FUNCTION ampsync_private.thaw_streams(p_dataset_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_upgrade ampsync_private.upgrade;
begin
  update ampsync_private.upgrade u
     set frozen_at = null,
         next_retry = ampsync_private.now() + ampsync_private.retry_delay(u.freezes, '{60,120,300,900}')
   where u.dataset_id = p_dataset_id
     and u.frozen_at is not null
  returning * into v_upgrade;
  if not found then
    return;
  end if;
  perform ampsync_private.let_go_on(s.stream_id)
     from ampsync_private.stream s
    where s.dataset_id = p_dataset_id
      and s.shadow_of is null
      and s.query is null;
  perform ampsync_private.journal(null, 'upgrade_deferred', coalesce(v_upgrade.error, '{}') || jsonb_build_object(
            'next_retry', v_upgrade.next_retry), p_dataset_id);
end;
$$;
COMMENT ON FUNCTION ampsync_private.thaw_streams(p_dataset_id bigint) IS 'Let the old streams of a dataset under upgrade go on; the exchange is attempted later.';
CREATE FUNCTION ampsync_private.to_yield(p_worker_id text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_yield bigint;
begin
  select least(ceil(h.held / 10.0),
               h.held - case when h.others_lack then ceil(h.share)
                             else greatest(ceil(h.share), floor(h.share * 1.1)) end) into v_yield
    from (select r.*, bool_or(r.held < floor(r.share * 0.9)) over () as others_lack
            from ampsync_private.sharing() r) h
   where h.worker_id = p_worker_id;
  if v_yield > 0 then
    perform 1
       from ampsync_private.lease l
      where l.holder = p_worker_id
        and l.declined_since > (select greatest(max(w.started_at), ampsync_private.now() - interval '5 min')
                                  from ampsync_private.worker w
                                 where w.lost_at is null);
    if not found then
      return v_yield;
    end if;
  end if;
  return 0;
end;
$$;
COMMENT ON FUNCTION ampsync_private.to_yield(p_worker_id text) IS 'How many streams a worker should hand over now, because it holds more than its share.';
CREATE FUNCTION ampsync_private.trigger_steps(p_old regclass, p_name text) RETURNS TABLE(class_id oid, object_id oid, ddl text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select 'pg_trigger'::regclass::oid, s.oid, s.ddl
    from (select 1, t.oid, pg_get_triggerdef(t.oid)
            from pg_trigger t
           where t.tgrelid = p_old and not t.tgisinternal
          union all
          select 2, t.oid, format('alter table %s %s trigger %I', p_name,
                                  case t.tgenabled when 'D' then 'disable' when 'R' then 'enable replica'
                                                   else 'enable always' end, t.tgname)
            from pg_trigger t
           where t.tgrelid = p_old and not t.tgisinternal and t.tgenabled <> 'O'
          union all
          select 3, t.oid, format('comment on trigger %I on %s is %L', t.tgname, p_name,
                                  obj_description(t.oid, 'pg_trigger'))
            from pg_trigger t
           where t.tgrelid = p_old and obj_description(t.oid, 'pg_trigger') is not null) s(n, oid, ddl)
   order by s.n;
$$;
COMMENT ON FUNCTION ampsync_private.trigger_steps(p_old regclass, p_name text) IS 'Statements that give a table the triggers of the one that it replaces.';
CREATE FUNCTION ampsync_private.type_modifier(p_type text) RETURNS integer
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select coalesce((select numerictypmodin(m::cstring[])
                     from regexp_match(p_type, '^numeric[(]([0-9]+),(-?[0-9]+)[)]') m), -1);
$$;
COMMENT ON FUNCTION ampsync_private.type_modifier(p_type text) IS 'The modifier of a type as format_type() writes it.';
CREATE FUNCTION ampsync_private.untrusted_owner(p_schema regnamespace) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select o.rolname
    from pg_namespace n
    join pg_roles o on o.oid = n.nspowner
    join pg_roles w on w.rolname = current_user
   where n.oid = p_schema
     and o.oid <> w.oid
     and not o.rolsuper
     and o.rolname <> 'pg_database_owner'
     and (w.rolsuper or not pg_has_role(o.oid, 'usage'))
     and not ampsync_private.is_shared_writer(o.oid)
     and not exists (select 1 from pg_namespace a where a.nspname = 'ampsync' and a.nspowner = o.oid)
     and not exists (select 1 from pg_database d where d.datname = current_database() and d.datdba = o.oid);
$$;
COMMENT ON FUNCTION ampsync_private.untrusted_owner(p_schema regnamespace) IS 'The owner of a schema if it is not trusted to hold a target; null if it is.';
CREATE FUNCTION ampsync_private.upgrade_step(p_dataset_id bigint) RETURNS text
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_upgrade ampsync_private.upgrade;
  v_pairs   record;
begin
  select * into v_upgrade
    from ampsync_private.upgrade u
   where u.dataset_id = p_dataset_id;
  if v_upgrade.tables is null
     or exists (select 1
                  from ampsync_private.stream s
                 where s.dataset_id = p_dataset_id
                   and s.state = 'paused') then
    return null;
  end if;
  select coalesce(bool_and(w.stream_id is not null), true) as complete,
         coalesce(bool_and(w.state = 'live'), true) as live,
         coalesce(bool_or(ampsync_private.is_halted(w.state)), false) as halted,
         array_agg(w.stream_id) filter (where w.checkpoint_block >= s.checkpoint_block is not true) as behind
    into v_pairs
    from ampsync_private.stream s
    left join ampsync_private.stream w on w.shadow_of = s.stream_id and w.state <> 'former'
   where s.dataset_id = p_dataset_id
     and s.shadow_of is null
     and s.target is not null
     and ampsync_private.is_upgraded(v_upgrade, s);
  if not v_pairs.complete then
    return 'extend';
  end if;
  if v_upgrade.frozen_at is null then
    return case when v_pairs.live and coalesce(v_upgrade.next_retry <= ampsync_private.now(), true) then 'freeze' end;
  end if;
  if not v_pairs.halted
     and coalesce(v_upgrade.next_retry <= ampsync_private.now(), true)
     and (v_pairs.behind is null and ampsync_private.cut_is_reached(p_dataset_id)
          or v_upgrade.frozen_at <= ampsync_private.now() - interval '30 s'
             and not exists (select 1
                               from unnest(v_pairs.behind) w(stream_id)
                              where not ampsync_private.swap_is_due(w.stream_id))) then
    return 'swap';
  end if;
  return case when v_upgrade.frozen_at <= ampsync_private.now() - interval '60 s' then 'thaw' end;
end;
$$;
COMMENT ON FUNCTION ampsync_private.upgrade_step(p_dataset_id bigint) IS 'What is to be done now about the upgrade of a dataset: extend, freeze, swap, thaw, or nothing.';
CREATE FUNCTION ampsync_private.view_property_steps(p_view regclass) RETURNS TABLE(class_id oid, object_id oid, ddl text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with steps (n, ddl) as (
    select 1, format('alter view %s alter column %I set default %s', p_view, a.attname, pg_get_expr(d.adbin, d.adrelid))
      from pg_attrdef d
      join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
     where d.adrelid = p_view
    union all
    select 2, pg_get_ruledef(r.oid)
      from pg_rewrite r
     where r.ev_class = p_view and r.rulename <> '_RETURN'
    union all
    select 3, format('comment on rule %I on %s is %L', r.rulename, p_view, obj_description(r.oid, 'pg_rewrite'))
      from pg_rewrite r
     where r.ev_class = p_view and obj_description(r.oid, 'pg_rewrite') is not null
    union all
    select 2, pg_get_triggerdef(t.oid)
      from pg_trigger t
     where t.tgrelid = p_view and not t.tgisinternal
    union all
    select 3, format('comment on trigger %I on %s is %L', t.tgname, p_view, obj_description(t.oid, 'pg_trigger'))
      from pg_trigger t
     where t.tgrelid = p_view and obj_description(t.oid, 'pg_trigger') is not null
    union all
    select 3, format('comment on view %s is %L', p_view, obj_description(p_view, 'pg_class'))
     where obj_description(p_view, 'pg_class') is not null
    union all
    select 3, format('comment on column %s.%I is %L', p_view, a.attname, col_description(p_view, a.attnum))
      from pg_attribute a
     where a.attrelid = p_view and col_description(p_view, a.attnum) is not null
    union all
    select 4, format('alter view %s owner to %I', p_view, pg_get_userbyid(c.relowner))
      from pg_class c
     where c.oid = p_view
    union all
    select 5, format('select ampsync_private.set_grants(%L, %L)', p_view, ampsync_private.grants_of(p_view, '{}'))
  )
  select 'pg_class'::regclass::oid, p_view::oid, s.ddl
    from steps s
   order by s.n;
$$;
COMMENT ON FUNCTION ampsync_private.view_property_steps(p_view regclass) IS 'Statements that give a view which was created again what it had.';
CREATE FUNCTION ampsync_private.view_steps(p_old regclass, p_new regclass) RETURNS TABLE(class_id oid, object_id oid, ddl text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with affected as (
    select v.view, v.level, v.is_recreated, r.oid as rule_id, pg_get_userbyid(c.relowner) as owner,
           'create or replace view ' || v.view
           || coalesce((select format(' with (%s)', string_agg(format('%I = %L', o.option_name, o.option_value), ', '))
                          from pg_options_to_table(c.reloptions) o
                        having count(*) > 0), '')
           || ' as ' || pg_get_viewdef(v.view) as definition
      from ampsync_private.dependent_views(
             p_old, (select coalesce(array_agg(f.name), '{}')
                       from ampsync_private.column_fate(p_old, ampsync_private.table_columns(p_new)) f
                      where f.changed)) v
      join pg_class c on c.oid = v.view
      join pg_rewrite r on r.ev_class = v.view and r.rulename = '_RETURN'
     where v.is_direct or v.is_recreated
  )
  select 'pg_class'::regclass::oid, s.view::oid, s.ddl
    from (select 1, -a.level, 1, a.view, format('drop view %s', a.view)
            from affected a
           where a.is_recreated
          union all
          select 2, a.level, 1, a.view, a.definition
            from affected a
          union all
          select 2, a.level, 1 + p.n, a.view, p.ddl
            from affected a
           cross join lateral ampsync_private.view_property_steps(a.view) with ordinality
                           p(class_id, object_id, ddl, n)
           where a.is_recreated) s(phase, level, n, view, ddl)
   order by s.phase, s.level, s.view, s.n;
$$;
COMMENT ON FUNCTION ampsync_private.view_steps(p_old regclass, p_new regclass) IS 'Statements that make the views of a table read the one that replaces it.';
CREATE FUNCTION ampsync_private.wake_swap(p_stream_id bigint) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream ampsync_private.stream;
begin
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     and s.shadow_of is not null;
  if not found then
    return;
  end if;
  if ampsync_private.is_beside(v_stream) then
    if ampsync_private.upgrade_step(v_stream.dataset_id) is not null then
      perform ampsync_private.schedule_upgrade(v_stream.dataset_id);
    end if;
  elsif ampsync_private.swap_is_due(p_stream_id) then
    perform ampsync_private.schedule_swap(p_stream_id);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_private.wake_swap(p_stream_id bigint) IS 'Queue the swap, or the step of an upgrade, that a shadow may have made possible.';
CREATE FUNCTION ampsync_private.wanted_indexes(p_dataset_id bigint, p_table_name text, p_has_block_num boolean, p_columns jsonb) RETURNS TABLE(method text, columns text[], options smallint[], "position" bigint)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with wanted as (
    select d.block_index as method, array[b.name] as columns, array[0]::smallint[] as options, b.position
      from ampsync_private.dataset d
     cross join (values ('_block_num', 1), ('block_num', 2)) b(name, position)
     where d.dataset_id = p_dataset_id
       and d.block_index <> 'none'
       and (b.name = '_block_num' and p_has_block_num
            or exists (select from jsonb_array_elements(p_columns) c where c.value ->> 'name' = b.name))
    union all
    select 'btree', array_agg(p.column_name order by c.position), array_agg(p.options order by c.position),
           2 + i.position
      from ampsync_private.dataset d
     cross join lateral jsonb_array_elements(d.indexes -> p_table_name) with ordinality i(columns, position)
     cross join lateral jsonb_array_elements_text(i.columns) with ordinality c(text, position)
     cross join lateral ampsync_private.parse_index_column(c.text) p
     where d.dataset_id = p_dataset_id
     group by i.position
  )
  select w.method, w.columns, w.options, min(w.position)
    from wanted w
   group by w.method, w.columns, w.options
   order by 4;
$$;
COMMENT ON FUNCTION ampsync_private.wanted_indexes(p_dataset_id bigint, p_table_name text, p_has_block_num boolean, p_columns jsonb) IS 'The indexes that a table shall have by the options of its dataset.';
CREATE FUNCTION ampsync_private.wants_reload(p_dataset ampsync_private.dataset) RETURNS boolean
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
COMMENT ON FUNCTION ampsync_private.wants_reload(p_dataset ampsync_private.dataset) IS 'Whether a dataset was offered a version that a reload should take over.';
CREATE FUNCTION ampsync_private.widening_obstacles(p_target regclass, p_column text) RETURNS TABLE(object text, drop_it text, make_it text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with recursive used as (
    select d.classid, d.objid, d.objsubid
      from pg_attribute a
      join pg_depend d on d.refclassid = 'pg_class'::regclass
                      and d.refobjid = a.attrelid
                      and d.refobjsubid = a.attnum
     where a.attrelid = p_target
       and a.attname = p_column
  ),
  seen (view, depth) as (
    select distinct r.ev_class, 1
      from used u
      join pg_rewrite r on u.classid = 'pg_rewrite'::regclass and r.oid = u.objid and r.ev_class <> p_target
    union all
    select distinct r.ev_class, s.depth + 1
      from seen s
      join pg_depend d on d.classid = 'pg_rewrite'::regclass
                      and d.refclassid = 'pg_class'::regclass
                      and d.refobjid = s.view
      join pg_rewrite r on r.oid = d.objid and r.ev_class <> s.view
  ),
  found (depth, object, drop_it, make_it) as (
    select max(s.depth), pg_describe_object('pg_class'::regclass, s.view, 0),
           format('drop %s %s; ', v.kind, s.view::regclass),
           format('create %s %s as %s ', v.kind, s.view::regclass, pg_get_viewdef(s.view))
      from seen s
      join pg_class c on c.oid = s.view
     cross join lateral (select case c.relkind when 'm' then 'materialized view' else 'view' end as kind) v
     group by s.view, v.kind
    union all
    select 0, pg_describe_object(u.classid, u.objid, u.objsubid),
           case u.classid
             when 'pg_attrdef'::regclass
               then (select format('alter table %s drop column %I; ', p_target, a.attname)
                       from pg_attrdef f
                       join pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum
                      where f.oid = u.objid)
             when 'pg_publication_rel'::regclass
               then (select format('alter publication %I drop table %s; ', p.pubname, p_target)
                       from pg_publication_rel r
                       join pg_publication p on p.oid = r.prpubid
                      where r.oid = u.objid)
             else (select format('drop %s %s; ', o.type, o.identity)
                     from pg_identify_object(u.classid, u.objid, u.objsubid) o) end,
           null
      from used u
     where u.classid in ('pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_proc'::regclass,
                         'pg_publication_rel'::regclass)
        or u.classid = 'pg_rewrite'::regclass
           and exists (select 1 from pg_rewrite r where r.oid = u.objid and r.ev_class = p_target)
        or u.classid = 'pg_attrdef'::regclass
           and exists (select 1
                         from pg_attrdef f
                         join pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum
                        where f.oid = u.objid and a.attname <> p_column)
    union all
    select 0, pg_describe_object(u.classid, u.objid, 0), null, null
      from used u
     where u.classid = 'pg_constraint'::regclass
       and exists (select 1 from pg_constraint k where k.oid = u.objid and k.contype = 'c' and k.convalidated)
        or u.classid = 'pg_class'::regclass
           and exists (select 1
                         from pg_index i
                        where i.indexrelid = u.objid and (i.indexprs is not null or i.indpred is not null))
     group by u.classid, u.objid
  )
  select f.object, f.drop_it, f.make_it
    from found f
   order by f.depth desc, f.object;
$$;
COMMENT ON FUNCTION ampsync_private.widening_obstacles(p_target regclass, p_column text) IS 'What prevents a column of a target from being widened, and the statements that take it away and back.';
CREATE FUNCTION ampsync_private.without_casts(p_definition text) RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select regexp_replace(
           regexp_replace(p_definition, '::("([^"]|"")*"|[a-z_0-9. ])+([(][0-9, ]+[)])?([[][]])?', '', 'g'),
           '[() ]', '', 'g');
$$;
COMMENT ON FUNCTION ampsync_private.without_casts(p_definition text) IS 'A definition without its casts and parentheses, to compare definitions on tables with other types.';
CREATE FUNCTION ampsync_private.worker_is_connected(p_worker_id text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return exists (
    select 1
      from ampsync_private.worker_key(p_worker_id) w(key)
      join pg_locks k
        on k.classid::bigint = ((w.key >> 32) & 4294967295)
       and k.objid::bigint = (w.key & 4294967295)
     where k.locktype = 'advisory' and k.objsubid = 1 and k.granted and k.mode = 'ShareLock'
       and k.database = (select d.oid from pg_database d where d.datname = current_database())
  );
end;
$$;
COMMENT ON FUNCTION ampsync_private.worker_is_connected(p_worker_id text) IS 'Whether the heartbeat session of a worker exists.';
CREATE FUNCTION ampsync_private.worker_is_dead(p_worker_id text) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return exists (
    select 1
      from ampsync_private.worker w
     where w.worker_id = p_worker_id
       and w.lost_at is not null
       and not ampsync_private.worker_is_connected(w.worker_id)
  );
end;
$$;
COMMENT ON FUNCTION ampsync_private.worker_is_dead(p_worker_id text) IS 'Whether a worker was found dead, and its heartbeat session does not exist.';
CREATE FUNCTION ampsync_private.worker_key(p_worker_id text) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return hashtextextended('ampsync.worker:' || p_worker_id, 0);
end;
$$;
COMMENT ON FUNCTION ampsync_private.worker_key(p_worker_id text) IS 'Key of the advisory lock held by the heartbeat session of a worker.';
CREATE FUNCTION ampsync_private.writer() RETURNS name
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select coalesce((select w.rolname
                     from pg_roles w
                     join pg_roles u on u.rolname = current_user
                     join pg_namespace n on n.nspname = 'ampsync'
                    where w.rolname = 'ampsync_worker'
                      and not u.rolsuper -- It "has" every role.
                      and pg_has_role(w.oid, 'usage')
                      and not pg_has_role(n.nspowner, 'usage')), current_user);
$$;
COMMENT ON FUNCTION ampsync_private.writer() IS 'The role that owns what this session makes: ampsync_worker for its members, else the session''s own.';
CREATE FUNCTION ampsync_private.writer_works(p_stream_id bigint, p_epoch bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  return exists (
    select 1
      from ampsync_private.fence_holders(p_stream_id, p_epoch) f
      join pg_stat_activity a using (pid)
     where f.mode = 'ShareLock'
       and a.wait_event is distinct from 'ClientRead'
  );
end;
$$;
COMMENT ON FUNCTION ampsync_private.writer_works(p_stream_id bigint, p_epoch bigint) IS 'Whether a backend is working for the writer of a stream and lease epoch.';
CREATE FUNCTION ampsync_worker.acquire_lease(p_stream_id bigint, p_worker_id text) RETURNS TABLE(epoch bigint, source_schema text, dataset text, table_name text, query text, source_table text, target_schema text, target_table text, columns jsonb, network text, state text, from_block bigint, origin bigint, retention_blocks integer, value_policy text, nul_policy text, excluded jsonb, watched boolean, first_tx_id bigint, history jsonb, flight_addr text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '5s'
    AS $$
#variable_conflict use_column
declare
  v_lease     ampsync_private.lease;
  v_gives_way boolean;
  v_ended     integer;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using
      errcode = 'SY901',
      message = 'acquire_lease needs a READ COMMITTED transaction',
      detail  = format('This one is %s.', upper(current_setting('transaction_isolation'))),
      hint    = 'begin isolation level read committed;';
  end if;
  perform ampsync_private.check_runnable(p_stream_id);
  select * into v_lease                                                                      -- 1
    from ampsync_private.lease l
   where l.stream_id = p_stream_id;
  if not ampsync_private.is_over(v_lease) then
    return;
  end if;
  if ampsync_private.rests(p_stream_id) then
    perform ampsync_private.schedule_stream(p_stream_id, d.quiesce_until)
       from ampsync_private.stream s
       join ampsync_private.dataset d using (dataset_id)
      where s.stream_id = p_stream_id;
    return;
  end if;
  v_gives_way := ampsync_private.gives_way(p_worker_id);
  if v_gives_way and ampsync_private.leaves_to_others(p_stream_id) then
    return;
  end if;
  v_ended := ampsync_private.end_writers(p_stream_id, v_lease.epoch);                        -- 2, 3
  perform ampsync_private.check_runnable(p_stream_id); -- It may have been dropped meanwhile.
  perform ampsync_private.follow_target(p_stream_id);                                        -- 4
  perform 1 from ampsync_private.stream s where s.stream_id = p_stream_id for no key update;
  select * into v_lease                                                                      -- 5
    from ampsync_private.lease l
   where l.stream_id = p_stream_id
     and l.epoch = v_lease.epoch
     for update; -- The lock that check_lease waits for; a heartbeat's update would not be enough.
  if not found or not ampsync_private.is_over(v_lease) then
    return;
  end if;
  if exists (select from ampsync_private.worker w where w.worker_id = p_worker_id)
     and not ampsync_private.worker_is_connected(p_worker_id) then
    perform ampsync_private.schedule_stream(p_stream_id, ampsync_private.now() + interval '1 s');
    return;
  end if;
  if ampsync_private.suspect_waits(p_stream_id, p_worker_id) then
    return;
  end if;
  update ampsync_private.lease l                                                             -- 6
     set epoch          = l.epoch + 1,
         holder         = p_worker_id,
         acquired_at    = ampsync_private.now(),
         lease_until    = ampsync_private.now() + ampsync_private.lease_duration(),
         rows_seen      = s.row_total,
         seen_at        = ampsync_private.now(),
         rows_per_s     = null,
         holds          = false,
         waits_for      = null,
         waits_hint     = null,
         takeovers      = l.takeovers + (l.holder is not null)::integer, -- A released lease has no holder.
         declined_since = case when v_gives_way then l.declined_since end, -- For lack of another taker: see to_yield.
         version        = s.version,
         manifest_hash  = s.manifest_hash
    from ampsync_private.stream s
   where l.stream_id = p_stream_id
     and s.stream_id = p_stream_id;
  perform ampsync_private.record_version(p_stream_id, coalesce(s.checkpoint_block + 1, 0))   -- 7
     from ampsync_private.stream s
    where s.stream_id = p_stream_id;
  -- A load starts with the pass that commits its first blocks.
  update ampsync_private.stream s
     set load_started = ampsync_private.now(),
         load_from    = s.checkpoint_block
   where s.stream_id = p_stream_id
     and s.state <> 'live'
     and coalesce(s.committed_at <= s.load_started, true);
  -- A released lease has no holder: this one was abandoned.
  if v_lease.holder is not null then
    perform ampsync_private.journal(p_stream_id, 'lease_taken_over', jsonb_build_object(
              'from', v_lease.holder, 'to', p_worker_id, 'epoch', v_lease.epoch + 1,
              'expired_at', v_lease.lease_until, 'backends_ended', v_ended));
  end if;
  return query
  select v_lease.epoch + 1,
         case when s.query is null then ampsync_private.source_schema(d, coalesce(s.version, s.manifest_hash))
              else coalesce(q.schema_part, '') end,
         d.label, s.table_name, s.query,
         case when s.query is null then s.table_name else coalesce(q.table_name, '') end,
         s.target_schema, s.target_table, s.columns, s.network, s.state,
         s.from_block, s.origin, d.retention_blocks, d.value_policy, d.nul_policy,
         coalesce(d.exclude_columns -> s.table_name, '[]'),
         v_lease.holder is not null or s.deaths > 0,
         case when s.identity = 'transaction' then nextval('ampsync_private.tx_id_seq') end,
         (select coalesce(jsonb_agg(jsonb_build_object(
                   'start', h.first_block::text,
                   'end', h.last_block::text,
                   'hash', '0x' || encode(h.hash, 'hex'),
                   'prev_hash', '0x' || encode(h.prev_hash, 'hex')
                 ) order by h.last_block), '[]')
            from ampsync_private.history h
           where h.stream_id = p_stream_id),
         d.flight_addr
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
    left join lateral ampsync_private.query_source(s.query) q on s.query is not null
   where s.stream_id = p_stream_id;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.acquire_lease(p_stream_id bigint, p_worker_id text) IS 'Take a stream''s lease; returns its query, checkpoint and history, or no row while another worker holds it.';
CREATE FUNCTION ampsync_worker.adopt_version(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables jsonb) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '300ms'
    AS $$
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
  return 'adopted';
end;
$$;
COMMENT ON FUNCTION ampsync_worker.adopt_version(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables jsonb) IS 'Take over the version that a dataset was offered, all tables or none.';
CREATE FUNCTION ampsync_worker.advance_upgrade(p_dataset_id bigint) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_step text;
begin
  perform ampsync_private.lock_dataset(p_dataset_id);
  v_step := ampsync_private.upgrade_step(p_dataset_id);
  case v_step
    when 'extend' then perform ampsync_private.build_beside(p_dataset_id);
    when 'freeze' then perform ampsync_private.freeze_streams(p_dataset_id);
    when 'swap' then
      if not ampsync_private.enter_swap(p_dataset_id) or not ampsync_private.swap_streams(p_dataset_id) then
        v_step := null;
      end if;
    when 'thaw' then perform ampsync_private.thaw_streams(p_dataset_id);
    else null;
  end case;
  if exists (select 1
               from ampsync_private.upgrade u
              where u.dataset_id = p_dataset_id and u.frozen_at is not null) then
    perform ampsync_private.schedule_upgrade(p_dataset_id, ampsync_private.now() + interval '1 s');
  end if;
  return v_step;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.advance_upgrade(p_dataset_id bigint) IS 'Move the upgrade of a dataset on by one step; returns which one.';
CREATE FUNCTION ampsync_worker.announce(p_commits jsonb) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  if ampsync_private.notify_waits() then
    return false;
  end if;
  perform ampsync_private.commit_async();
  perform set_config('lock_timeout', '1s', true); -- statement_timeout does not end the wait in a COMMIT.
  perform pg_notify('ampsync', n.payload)
     from jsonb_to_recordset(p_commits) as c(stream_id bigint, block bigint, replaced bigint)
     join ampsync_private.stream s on s.stream_id = c.stream_id and s.shadow_of is null
     join ampsync_private.dataset d using (dataset_id)
    cross join lateral (select jsonb_strip_nulls(jsonb_build_object(
             'kind', case when c.replaced is null then 'commit' else 'reorg' end,
             'dataset', d.label, 'table', s.table_name, 'block', c.block, 'from_block', c.replaced))::text) n(payload)
    where octet_length(n.payload) < 8000;
  return true;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.announce(p_commits jsonb) IS 'Notify the channel ampsync of commits, after them; false while the notifications would have to wait.';
CREATE PROCEDURE ampsync_worker.begin_apply(IN p_stream_id bigint, IN p_epoch bigint, IN p_removes boolean DEFAULT false, IN p_from_block bigint DEFAULT NULL::bigint, IN p_parent_hash bytea DEFAULT NULL::bytea)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream  ampsync_private.stream;
  v_deleted bigint;
  v_depth   bigint;
  v_class   integer; -- Of its depth, in stream.reorgs.
begin
  call ampsync_private.enter_fence(p_stream_id, p_epoch);
  call ampsync_private.lock_target(p_stream_id);
  perform ampsync_private.check_target_filled(p_stream_id);
  if p_removes then
    select * into strict v_stream
      from ampsync_private.stream s
     where s.stream_id = p_stream_id;
    v_deleted := ampsync_private.delete_from_block(p_stream_id, p_from_block, p_parent_hash);
    perform ampsync_private.record_version(p_stream_id, coalesce(p_from_block, 0));
    v_depth := v_stream.checkpoint_block - coalesce(p_from_block, v_stream.origin) + 1;
    v_class := 1 + coalesce(width_bucket(v_depth, '{2,11,65}'::bigint[]), 0);
    update ampsync_private.stream s
       set row_total       = s.row_total - v_deleted,
           reorgs[v_class] = s.reorgs[v_class] + (v_depth is not null)::integer
     where s.stream_id = p_stream_id;
    perform ampsync_private.journal(p_stream_id, 'reorg', jsonb_build_object(
      'from_block', coalesce(p_from_block, v_stream.origin),
      'old_tip', v_stream.checkpoint_block,
      'depth', v_depth,
      'rows_deleted', v_deleted));
  end if;
end;
$$;
COMMENT ON PROCEDURE ampsync_worker.begin_apply(IN p_stream_id bigint, IN p_epoch bigint, IN p_removes boolean, IN p_from_block bigint, IN p_parent_hash bytea) IS 'First statement of a writing transaction: fence, lease, target, removal of replaced blocks.';
CREATE FUNCTION ampsync_worker.begin_explain(p_answer_id bigint) RETURNS TABLE(namespace text, name text, revision text, tables text[], flight_addr text, admin_addr text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select a.namespace, a.name, a.revision, d.tables, d.flight_addr, d.admin_addr
    from ampsync_private.answer a
    left join ampsync_private.dataset d
           on (d.namespace, d.name) = (a.namespace, a.name)
          and d.revision is not distinct from a.revision
   where a.answer_id = p_answer_id;
$$;
COMMENT ON FUNCTION ampsync_worker.begin_explain(p_answer_id bigint) IS 'The reference that a job asks the Amp server for, on behalf of ampsync.explain_sync.';
CREATE FUNCTION ampsync_worker.begin_poll(p_dataset_id bigint) RETURNS TABLE(namespace text, name text, revision text, begun_at timestamp with time zone, failures integer, admin_addr text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select d.namespace, d.name, d.revision, ampsync_private.now(), d.poll_attempts, d.admin_addr
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and ampsync_private.is_polled(d);
$$;
COMMENT ON FUNCTION ampsync_worker.begin_poll(p_dataset_id bigint) IS 'The reference that a poll looks up.';
CREATE FUNCTION ampsync_worker.begin_reload(p_dataset_id bigint) RETURNS TABLE(dataset text, namespace text, name text, version text, manifest_hash text, source_schema text, tables jsonb, flight_addr text, admin_addr text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_dataset ampsync_private.dataset;
begin
  select * into v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and ampsync_private.wants_reload(d);
  if not found then
    return;
  end if;
  if v_dataset.offered_attempts = 0 then
    perform ampsync_private.journal(null, 'version_change_detected', jsonb_build_object(
              'from', coalesce(v_dataset.resolved_version, v_dataset.resolved_hash),
              'to', v_dataset.offered_version, 'manifest_hash', v_dataset.offered_hash), p_dataset_id);
  end if;
  return query
  select v_dataset.label, v_dataset.namespace, v_dataset.name, v_dataset.offered_version, v_dataset.offered_hash,
         ampsync_private.source_schema(v_dataset, v_dataset.offered_version),
         (select coalesce(jsonb_object_agg(s.table_name, coalesce(v_dataset.exclude_columns -> s.table_name, '[]')),
                          '{}')
            from ampsync_private.stream s
           where s.dataset_id = p_dataset_id
             and s.target is not null
             and s.query is null),
         v_dataset.flight_addr, v_dataset.admin_addr;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.begin_reload(p_dataset_id bigint) IS 'The version that a reload job looks at, and the tables that must fit it; no row if there is nothing to do.';
CREATE PROCEDURE ampsync_worker.begin_repair(IN p_stream_id bigint, IN p_epoch bigint, IN p_first_block bigint, IN p_last_block bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_deleted bigint;
begin
  call ampsync_private.enter_fence(p_stream_id, p_epoch);
  call ampsync_private.lock_target(p_stream_id);
  perform ampsync_private.split_ledger(p_stream_id, p_first_block, p_last_block);
  v_deleted := ampsync_private.delete_blocks(p_stream_id, p_first_block, p_last_block);
  update ampsync_private.repair r
     set rows_before = v_deleted
   where r.stream_id = p_stream_id
     and r.first_block = p_first_block
     and r.last_block = p_last_block;
  if not found then
    raise exception using
      errcode = 'SY003',
      message = format('the repair of blocks %s to %s is no longer requested', p_first_block, p_last_block),
      detail  = 'It was cancelled, or another range was requested instead.',
      hint    = 'select * from ampsync.repairs;';
  end if;
end;
$$;
COMMENT ON PROCEDURE ampsync_worker.begin_repair(IN p_stream_id bigint, IN p_epoch bigint, IN p_first_block bigint, IN p_last_block bigint) IS 'First statement of a repair: fence, lease, target, removal of the rows of its blocks.';
CREATE FUNCTION ampsync_worker.begin_resolve(p_dataset_id bigint) RETURNS TABLE(namespace text, name text, revision text, tables text[], failures integer, admin_addr text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select d.namespace, d.name,
         case when exists (select from ampsync_private.stream s where s.dataset_id = d.dataset_id and s.query is null)
              then coalesce(d.resolved_version, d.resolved_hash) else d.revision end,
         d.tables, d.attempts, d.admin_addr
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and d.state <> 'paused';
$$;
COMMENT ON FUNCTION ampsync_worker.begin_resolve(p_dataset_id bigint) IS 'The reference that a resolve job looks up.';
CREATE FUNCTION ampsync_worker.build_indexes(p_dataset_id bigint) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '5s'
    AS $$
declare
  v_count integer;
begin
  if not ampsync_private.enter_swap(p_dataset_id)
     or not pg_try_advisory_xact_lock(hashtextextended('ampsync.build:' || p_dataset_id, 0)) then
    return null;
  elsif ampsync_private.upgrade_step(p_dataset_id) is distinct from 'freeze' then
    return 0;
  end if;
  begin
    select coalesce(sum(ampsync_private.copy_indexes(s.target, w.target)
                        + ampsync_private.copy_checks(s.target, w.target)), 0) into v_count
      from ampsync_private.stream s
      join ampsync_private.stream w on w.shadow_of = s.stream_id and w.state <> 'former'
     where s.dataset_id = p_dataset_id
       and not ampsync_private.has_columns(s, w.has_block_num, w.columns);
  exception
    when internal_error or undefined_table or sqlstate 'SY201' then -- "could not open relation with OID"
      if ampsync_private.upgrade_step(p_dataset_id) is not distinct from 'freeze' then
        raise;
      end if;
      return null; -- A table was dropped under it, or exchanged, because there is something else to do by now.
  end;
  if v_count > 0 then
    perform ampsync_private.schedule_upgrade(p_dataset_id);
  end if;
  return v_count;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.build_indexes(p_dataset_id bigint) IS 'Make on the shadows of an upgrade the indexes and constraints of their targets; returns how many.';
CREATE PROCEDURE ampsync_worker.commit_apply(IN p_stream_id bigint, IN p_epoch bigint, IN p_expected_block bigint, IN p_network text, IN p_watermarks jsonb, IN p_rows bigint, IN p_values jsonb DEFAULT NULL::jsonb)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream ampsync_private.stream;
  v_tip    ampsync_private.history;
  v_before bigint;
  v_state  text;
  v_now    timestamptz := ampsync_private.now();
begin
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     for no key update;
  if not found or v_stream.checkpoint_block is distinct from p_expected_block then
    call ampsync_private.raise_lease_lost(p_stream_id, p_epoch);
  end if;
  if v_stream.network <> p_network then
    raise exception using
      errcode = 'SY101',
      message = format('Network changed for table %s: %s -> %s', v_stream.table_name, v_stream.network, p_network),
      detail  = 'Nothing was written: a stream stays on the network it began with.',
      hint    = format('select ampsync.resync(%L, %L); -- if it changed for good; retried automatically in any case',
                       ampsync_private.stream_label(p_stream_id), v_stream.table_name);
  end if;
  -- Below the checkpoint if this transaction removed blocks; null if it removed all, or none was ever loaded.
  select max(h.last_block) into v_before
    from ampsync_private.history h
   where h.stream_id = p_stream_id;
  v_tip := ampsync_private.append_history(p_stream_id, p_watermarks);
  perform ampsync_private.append_ledger(p_stream_id, p_watermarks);
  perform ampsync_private.prune_history(p_stream_id, v_tip.first_block);
  v_state := case when v_stream.state in ('waiting', 'retrying', 'reorg_pending') then 'backfill'
                  else v_stream.state end;
  update ampsync_private.stream s
     set network          = p_network,
         origin           = case when v_before is null then (p_watermarks -> 0 ->> 'start')::bigint else s.origin end,
         checkpoint_block = v_tip.last_block,
         checkpoint_hash  = v_tip.hash,
         block_time       = ampsync_private.block_time((p_watermarks -> -1 ->> 'timestamp')::bigint),
         committed_at     = v_now,
         load_started     = case when v_state <> 'backfill' then null
                                 when v_tip.last_block < s.from_block then v_now -- Without rows: not its speed.
                                 else coalesce(s.load_started, v_now) end,
         load_from        = case when v_state <> 'backfill' then null
                                 when v_tip.last_block < s.from_block or s.load_started is null then v_tip.last_block
                                 else s.load_from end,
         row_total        = s.row_total + p_rows,
         rewrites         = s.rewrites + (p_expected_block is distinct from v_before)::integer,
         state            = v_state,
         since            = case when s.state <> v_state then v_now else s.since end,
         attempts         = 0,
         deaths           = 0,
         next_retry       = null,
         error            = case when v_state = 'orphaned' then s.error end -- Says why nothing follows.
   where s.stream_id = p_stream_id;
  perform ampsync_private.record_values(p_stream_id, p_values);
  if v_stream.shadow_of is not null then
    perform ampsync_private.wake_swap(p_stream_id);
  end if;
  call ampsync_private.check_target_name(v_stream);
  call ampsync_private.check_lease(p_stream_id, p_epoch);
end;
$$;
COMMENT ON PROCEDURE ampsync_worker.commit_apply(IN p_stream_id bigint, IN p_epoch bigint, IN p_expected_block bigint, IN p_network text, IN p_watermarks jsonb, IN p_rows bigint, IN p_values jsonb) IS 'Last statement of a writing transaction: history, checkpoint, lease check; sent together with COMMIT.';
CREATE PROCEDURE ampsync_worker.commit_repair(IN p_stream_id bigint, IN p_epoch bigint, IN p_first_block bigint, IN p_last_block bigint, IN p_own_hash bytea, IN p_rows bigint, IN p_values jsonb DEFAULT NULL::jsonb)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream ampsync_private.stream;
  v_before bigint;
begin
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     for no key update;
  if not found then
    call ampsync_private.raise_lease_lost(p_stream_id, p_epoch);
  end if;
  perform ampsync_private.check_fetched(p_stream_id, p_first_block, p_last_block, p_own_hash,
            p_rows + coalesce(jsonb_array_length(p_values -> 'rejected'), 0), p_values -> 'rejected');
  perform ampsync_private.record_blocks(p_stream_id, p_first_block, p_last_block);
  perform ampsync_private.record_version(p_stream_id, p_first_block, p_last_block);
  delete from ampsync_private.repair r
   where r.stream_id = p_stream_id
     and r.first_block = p_first_block
     and r.last_block = p_last_block
  returning r.rows_before into strict v_before;
  update ampsync_private.stream s
     set row_total = s.row_total - v_before + p_rows
   where s.stream_id = p_stream_id;
  perform ampsync_private.record_values(p_stream_id, p_values);
  perform ampsync_private.journal(p_stream_id, 'repaired', jsonb_build_object(
            'from_block', p_first_block, 'to_block', p_last_block, 'rows_before', v_before, 'rows_after', p_rows));
  call ampsync_private.check_target_name(v_stream);
  call ampsync_private.check_lease(p_stream_id, p_epoch);
end;
$$;
COMMENT ON PROCEDURE ampsync_worker.commit_repair(IN p_stream_id bigint, IN p_epoch bigint, IN p_first_block bigint, IN p_last_block bigint, IN p_own_hash bytea, IN p_rows bigint, IN p_values jsonb) IS 'Last statement of a repair: proof, ledger, lease check; sent together with COMMIT.';
CREATE FUNCTION ampsync_worker.defer_index(p_stream_id bigint) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select ampsync_private.commit_async();
  select ampsync_private.schedule_index(p_stream_id, ampsync_private.now() + interval '10 s')
   where ampsync_private.indexes_are_due(p_stream_id);
$$;
COMMENT ON FUNCTION ampsync_worker.defer_index(p_stream_id bigint) IS 'Look for the indexes of a stream again in 10 s.';
CREATE FUNCTION ampsync_worker.defer_poll(p_dataset_id bigint, p_error jsonb, p_interval interval, p_retry_after_s double precision DEFAULT NULL::double precision) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '5s'
    AS $$
declare
  v_attempts integer;
  v_due      timestamptz;
begin
  update ampsync_private.dataset d
     set poll_attempts = d.poll_attempts + 1,
         poll_due      = ampsync_private.now() + greatest(
                           ampsync_private.poll_pause(d, p_interval, d.poll_attempts + 1),
                           make_interval(secs => least(coalesce(p_retry_after_s, 0), 300))),
         poll_error    = p_error
   where d.dataset_id = p_dataset_id
     and ampsync_private.is_polled(d)
  returning d.poll_attempts, d.poll_due into v_attempts, v_due;
  if not found then -- Dropped or paused meanwhile.
    return;
  end if;
  perform ampsync_private.schedule_poll(p_dataset_id, v_due);
  if v_attempts = 1 or v_attempts % 5 = 0 then
    perform ampsync_private.journal(null, 'version_poll_failed', p_error || jsonb_build_object(
              'attempts', v_attempts, 'next_retry', v_due), p_dataset_id);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.defer_poll(p_dataset_id bigint, p_error jsonb, p_interval interval, p_retry_after_s double precision) IS 'Record why a poll failed, and queue the next one.';
CREATE FUNCTION ampsync_worker.defer_reload(p_dataset_id bigint, p_version text, p_manifest_hash text, p_error jsonb, p_max_retries integer) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_now      timestamptz := ampsync_private.now();
  v_in_use   boolean := p_error ->> 'code' = '55P03';
  v_dataset  ampsync_private.dataset;
  v_attempts integer;
  v_failures integer;
  v_retry    timestamptz;
begin
  select * into v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and (d.offered_version, d.offered_hash) is not distinct from (p_version, p_manifest_hash)
     for no key update;
  if not found or v_dataset.offered_version is null then
    return;
  end if;
  v_attempts := v_dataset.offered_attempts + 1;
  v_failures := v_attempts - p_max_retries; -- 1 and above: it has failed.
  v_retry := v_now + case when v_in_use or v_failures < 1
                          then ampsync_private.retry_delay(v_attempts, '{1,2,4,8,16,30}')
                          else ampsync_private.retry_delay(v_failures, '{5,10,20,40,60}') end;
  update ampsync_private.dataset d
     set offered_attempts = v_attempts,
         offered_retry    = v_retry,
         offered_error    = p_error - 'pids' || jsonb_build_object('hint', coalesce(p_error ->> 'hint',
                              'Retried automatically: select * from ampsync.events order by event_id desc limit 10;')),
         quiesce_until    = case
           when d.quiesce_until > v_now then d.quiesce_until
           when v_in_use and v_attempts >= 3
                and exists (select 1
                              from ampsync_private.stream s
                              join ampsync_private.lease l using (stream_id)
                             cross join lateral ampsync_private.fence_holders(l.stream_id, l.epoch) f
                             where s.dataset_id = d.dataset_id
                               and f.mode = 'ShareLock'
                               and p_error -> 'pids' @> to_jsonb(f.pid))
             then v_now + interval '60 s' end
   where d.dataset_id = p_dataset_id;
  perform ampsync_private.schedule_reload(p_dataset_id);
  if v_failures >= 1
     and (v_failures % 5 = 1 or v_dataset.offered_error ->> 'message' is distinct from p_error ->> 'message') then
    perform ampsync_private.journal(null, 'version_reload_failed', p_error - 'pids' || jsonb_build_object(
              'version', p_version, 'attempts', v_attempts, 'next_retry', v_retry), p_dataset_id);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.defer_reload(p_dataset_id bigint, p_version text, p_manifest_hash text, p_error jsonb, p_max_retries integer) IS 'Record why a dataset does not follow the version that it was offered, and when to retry.';
CREATE FUNCTION ampsync_worker.defer_repair(p_stream_id bigint, p_epoch bigint, p_first_block bigint, p_error jsonb) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  with hinted as (
    select ampsync_private.add_hint(p_stream_id, p_error) as error
  ),
  deferred as (
    update ampsync_private.repair r
       set due_at = ampsync_private.now() + interval '1 min',
           error  = h.error
      from hinted h, ampsync_private.lease l
     where r.stream_id = p_stream_id
       and r.first_block = p_first_block
       and l.stream_id = p_stream_id
       and l.epoch = p_epoch
    returning r.first_block, r.last_block, h.error
  )
  select ampsync_private.journal(p_stream_id, 'repair_deferred',
           d.error || jsonb_build_object('from_block', d.first_block, 'to_block', d.last_block))
    from deferred d;
$$;
COMMENT ON FUNCTION ampsync_worker.defer_repair(p_stream_id bigint, p_epoch bigint, p_first_block bigint, p_error jsonb) IS 'Postpone a repair that could not be done now, and show why.';
CREATE FUNCTION ampsync_worker.defer_resolve(p_dataset_id bigint, p_state text, p_error jsonb, p_retry_after_s double precision DEFAULT NULL::double precision) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_attempts integer;
  v_retry    timestamptz;
  v_unknown  boolean;
  v_absent   boolean := coalesce(p_error ->> 'code' = 'SY103', false);
  v_event    text;
begin
  update ampsync_private.dataset d
     set state      = p_state,
         since      = case when d.state <> p_state then ampsync_private.now() else d.since end,
         attempts   = d.attempts + 1,
         next_retry = case when p_state = 'waiting' then ampsync_private.now() + greatest(
                        ampsync_private.retry_delay(d.attempts + 1, '{2,4,8,16,30}'),
                        make_interval(secs => least(coalesce(p_retry_after_s, 0), 300))) end,
         error      = p_error || jsonb_build_object('hint', case
           when p_error ->> 'hint' like '%select %' then p_error ->> 'hint'
           when p_state = 'waiting' -- The command comes last: it is what ends the wait.
             then concat_ws(' ', p_error ->> 'hint', format(
                    'Retried automatically; at once by: select * from ampsync.resume_sync(%L);', d.label))
           else coalesce(p_error ->> 'hint', format('select * from ampsync.resume_sync(%L);', d.label)) end,
           'failing_since', case when v_absent then b.failing_since else coalesce(b.failing_since, b.now) end,
           'absent_since', case when v_absent then coalesce(b.absent_since, b.now) end)
    from (select o.dataset_id, n.now, e.absent_since,
                 case when e.absent_since <= n.now - interval '60 s' then null else e.failing_since end as failing_since
            from ampsync_private.dataset o
           cross join (select ampsync_private.now() as now) n
            left join lateral jsonb_to_record(o.error) e (failing_since timestamptz, absent_since timestamptz)
                   on o.state = p_state
           where o.dataset_id = p_dataset_id
             for no key update of o) b
   where d.dataset_id = b.dataset_id
  returning d.attempts, d.next_retry, d.resolved_version is null into v_attempts, v_retry, v_unknown;
  if not found then -- Dropped meanwhile.
    return null;
  end if;
  v_event := case when p_state = 'failed' then 'dataset_failed'
                  when v_attempts % 5 = 0 then 'still_waiting_for_dataset'
                  when v_attempts = 1 and v_unknown and p_error ->> 'code' = 'SY103'
                    then 'dataset_not_found_waiting_for_publish'
                  else 'waiting_for_dataset' end;
  if v_retry is not null then
    perform ampsync_private.schedule_resolve(p_dataset_id, v_retry);
  end if;
  if v_retry is null or v_attempts <= 2 or v_attempts % 5 = 0 then
    perform ampsync_private.journal(null, v_event,
      p_error || jsonb_build_object('attempts', v_attempts, 'next_retry', v_retry), p_dataset_id);
  end if;
  return v_event;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.defer_resolve(p_dataset_id bigint, p_state text, p_error jsonb, p_retry_after_s double precision) IS 'Record why a dataset could not be resolved, and when to retry.';
CREATE FUNCTION ampsync_worker.defer_swap(p_shadow_id bigint, p_error jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_shadow ampsync_private.stream;
begin
  perform ampsync_private.commit_async();
  update ampsync_private.stream s
     set swap_attempts = s.swap_attempts + 1,
         swap_retry    = ampsync_private.now() + ampsync_private.retry_delay(s.swap_attempts + 1, '{1,2,4,8,16,30,60}'),
         swap_error    = p_error
   where s.stream_id = p_shadow_id
     and s.shadow_of is not null
  returning * into v_shadow;
  if not found then
    return;
  end if;
  perform ampsync_private.schedule_swap(p_shadow_id);
  if v_shadow.swap_attempts % 5 = 1 then
    perform ampsync_private.journal(p_shadow_id, 'swap_deferred',
      p_error || jsonb_build_object('attempts', v_shadow.swap_attempts, 'next_retry', v_shadow.swap_retry));
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.defer_swap(p_shadow_id bigint, p_error jsonb) IS 'Record why the rows of a resync could not be merged now, and retry later.';
CREATE FUNCTION ampsync_worker.defer_upgrade(p_dataset_id bigint, p_error jsonb, p_stops boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_upgrade ampsync_private.upgrade;
begin
  perform ampsync_private.lock_dataset(p_dataset_id);
  update ampsync_private.upgrade u
     set attempts   = u.attempts + 1,
         next_retry = ampsync_private.now() + ampsync_private.retry_delay(u.attempts + 1, '{1,2,4,8,16,30,60}'),
         error      = p_error
   where u.dataset_id = p_dataset_id
  returning * into v_upgrade;
  if not found then
    return;
  end if;
  if p_stops or v_upgrade.frozen_at <= ampsync_private.now() - interval '60 s' then
    perform ampsync_private.thaw_streams(p_dataset_id);
  end if;
  perform ampsync_private.schedule_upgrade(p_dataset_id, u.next_retry)
     from ampsync_private.upgrade u
    where u.dataset_id = p_dataset_id;
  if v_upgrade.attempts % 5 = 1 then
    perform ampsync_private.journal(null, 'swap_deferred', p_error || jsonb_build_object(
              'attempts', v_upgrade.attempts, 'next_retry', v_upgrade.next_retry), p_dataset_id);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.defer_upgrade(p_dataset_id bigint, p_error jsonb, p_stops boolean) IS 'Record why the upgrade of a dataset could not be moved on, and retry later.';
CREATE FUNCTION ampsync_worker.end_pass(p_stream_id bigint, p_epoch bigint, p_outcome text, p_error jsonb DEFAULT NULL::jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
declare
  v_now      timestamptz := ampsync_private.now();
  v_stream   ampsync_private.stream;
  v_state    text;
  v_attempts integer;
  v_retry    timestamptz;
begin
  perform ampsync_private.commit_async();
  if p_error ->> 'code' = 'SY102' then -- A shadow starts over: a decision about its stream as well.
    perform set_config('lock_timeout', '5s', true);
    perform ampsync_private.lock_dataset(w.dataset_id)
       from ampsync_private.stream w
      where w.stream_id = p_stream_id
        and w.shadow_of is not null;
    perform 1
       from ampsync_private.stream s
      where s.stream_id = (select w.shadow_of from ampsync_private.stream w where w.stream_id = p_stream_id)
        for no key update;
  end if;
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     for no key update;
  update ampsync_private.lease l
     set holder = null, lease_until = null, rows_per_s = null, waits_for = null, waits_hint = null
   where l.stream_id = p_stream_id
     and case when p_epoch is null then l.lease_until is null or l.lease_until <= v_now
              else l.epoch = p_epoch and l.holder is not null end; -- Already released: the same call again.
  if not found or ampsync_private.is_halted(v_stream.state) then
    return;
  end if;
  if p_outcome = 'yielded'
     or p_epoch is null and p_error ->> 'code' = 'SY201' and v_stream.target is null
     or p_outcome = 'failed'
        and p_epoch is not null
        and exists (select 1
                      from ampsync_private.lease l
                     where l.stream_id = p_stream_id
                       and (l.version, l.manifest_hash)
                           is distinct from (v_stream.version, v_stream.manifest_hash)) then
    perform ampsync_private.schedule_stream(p_stream_id);
    return;
  end if;
  if p_error ->> 'code' = 'SY102' then
    if ampsync_private.resync_instead(p_stream_id, p_error) then
      return;
    end if;
    p_error := p_error || jsonb_build_object('hint', format('select ampsync.resync(%L, %L);',
      ampsync_private.stream_label(p_stream_id), v_stream.table_name));
  elsif p_error ->> 'code' = 'SY203' then
    p_error := p_error || jsonb_build_object('hint', (
      select format('select ampsync.enqueue_sync(%1$L, value_policy => %2$L); select ampsync.resume_sync(%1$L);',
                    d.label,
                    case d.value_policy when 'quarantine' then 'null' else 'quarantine' end) -- Too many to quarantine.
        from ampsync_private.dataset d where d.dataset_id = v_stream.dataset_id));
  else
    p_error := ampsync_private.add_hint(p_stream_id, p_error);
  end if;
  v_state := case p_outcome when 'no_data' then 'waiting' when 'ended' then 'retrying' else 'failed' end;
  v_attempts := v_stream.attempts + 1;
  v_retry := case p_outcome
    when 'no_data' then v_now + ampsync_private.retry_delay(v_attempts, '{2,4,8,16,30}')
    when 'ended'   then v_now + ampsync_private.retry_delay(v_attempts, '{1,2,4,8,16,30,60}')
  end;
  update ampsync_private.stream s
     set state      = v_state,
         since      = case when s.state = v_state
                                or s.state = 'reorg_pending' and v_state = 'retrying' and s.attempts > 0
                           then s.since else v_now end, -- A replacement that never commits ends no series of failures.
         attempts   = v_attempts,
         deaths     = case p_outcome when 'ended' then s.deaths else 0 end,
         next_retry = v_retry,
         error      = p_error
   where s.stream_id = p_stream_id;
  -- A waiting or retrying stream is journaled at its first attempt and at every fifth after it; the fifth failure
  -- in a row as one that somebody should look at. Retries continue.
  if p_outcome = 'ended' and v_attempts = 5 then
    perform ampsync_private.journal(p_stream_id, 'max_retries_reached',
                                    coalesce(p_error, '{}') || jsonb_build_object('next_retry', v_retry));
  elsif v_retry is null or v_attempts % 5 = 1 then
    perform ampsync_private.journal(p_stream_id,
      case p_outcome when 'no_data' then 'waiting_for_data' when 'ended' then 'stream_error' else 'stream_failed' end,
      coalesce(p_error, '{}') || jsonb_build_object('attempts', v_attempts, 'next_retry', v_retry));
  end if;
  if v_retry is not null then
    perform ampsync_private.schedule_stream(p_stream_id, v_retry);
  end if;
end;
$_$;
COMMENT ON FUNCTION ampsync_worker.end_pass(p_stream_id bigint, p_epoch bigint, p_outcome text, p_error jsonb) IS 'End a pass: release the lease, record how it went, queue the next pass.';
CREATE FUNCTION ampsync_worker.fail_swap(p_shadow_id bigint, p_error jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
begin
  perform ampsync_private.commit_async();
  p_error := ampsync_private.add_hint(
    (select s.shadow_of from ampsync_private.stream s where s.stream_id = p_shadow_id), p_error);
  perform ampsync_private.revoke_lease(p_shadow_id);
  update ampsync_private.stream s
     set state = 'failed', since = ampsync_private.now(), next_retry = null, error = p_error
   where s.stream_id = p_shadow_id
     and not ampsync_private.is_halted(s.state);
  if found then
    perform ampsync_private.journal(p_shadow_id, 'stream_failed', p_error);
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.fail_swap(p_shadow_id bigint, p_error jsonb) IS 'Record why the rows of a resync cannot be merged.';
CREATE FUNCTION ampsync_worker.find_dead_workers(p_worker_id text, p_suspects text[]) RETURNS text[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '300ms'
    AS $$
declare
  v_now     timestamptz := ampsync_private.now();
  v_free    text[];
  v_dead    text[];
  v_streams bigint[];
begin
  perform ampsync_private.hold_worker_lock(p_worker_id);
  if pg_postmaster_start_time() > v_now - interval '5 s' then
    return '{}';
  end if;
  v_free := array(
    select w.worker_id
      from ampsync_private.worker w
     where w.worker_id <> p_worker_id
       and w.had_lock
       and w.heartbeat_at > v_now - ampsync_private.lease_duration() -- What older ones held has expired.
       and (w.lost_at is null -- Otherwise a call that was under way may have ended after its worker.
            or exists (select from ampsync_private.lease l where l.holder = w.worker_id and l.acquired_at > w.lost_at)
            or exists (select from graphile_worker.jobs j where j.locked_by = w.worker_id))
       -- Unlocked at once: other onlookers, and the worker itself, must not find it taken.
       and case when pg_try_advisory_lock(ampsync_private.worker_key(w.worker_id))
                then pg_advisory_unlock(ampsync_private.worker_key(w.worker_id)) else false end
  );
  if not v_free && p_suspects or ampsync_private.notify_waits() then -- Queueing a job notifies.
    return v_free;
  end if;
  perform ampsync_private.commit_async();
  begin
    v_dead := array( -- Locked: another worker has found it dead in this moment.
      select w.worker_id
        from ampsync_private.worker w
       where w.worker_id = any (v_free)
         and w.worker_id = any (p_suspects)
         for no key update skip locked
    );
    v_streams := array(
      select s.stream_id
        from ampsync_private.stream s
        join ampsync_private.lease l using (stream_id)
       where l.holder = any (v_dead)
         and not ampsync_private.is_halted(s.state)
         for no key update of s skip locked
    );
    if ampsync_private.free_jobs(v_dead) > 0 or v_streams <> '{}' then -- It did not just stop.
      perform ampsync_private.schedule_stream(t.stream_id)
         from unnest(v_streams) t(stream_id)
        where not ampsync_private.job_waits('ampsync_stream:' || t.stream_id, null);
      perform ampsync_private.schedule_supervisor(v_now);
    end if;
    update ampsync_private.worker w
       set lost_at = v_now
     where w.worker_id = any (v_dead);
  exception
    when lock_not_available then
      return v_free; -- A transaction that stays open has replaced one of the jobs.
  end;
  return array(select unnest(v_free) except select unnest(v_dead));
end;
$$;
COMMENT ON FUNCTION ampsync_worker.find_dead_workers(p_worker_id text, p_suspects text[]) IS 'Look whether other workers are alive; free the jobs of dead ones and queue their streams.';
CREATE FUNCTION ampsync_worker.hold_index_lock() RETURNS boolean
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select pg_try_advisory_lock(ampsync_private.index_lock_key());
$$;
COMMENT ON FUNCTION ampsync_worker.hold_index_lock() IS 'Take the right to build indexes, one session at a time; false while another one has it.';
CREATE FUNCTION ampsync_worker.mark_behind(p_stream_id bigint, p_epoch bigint) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select ampsync_private.commit_async();
  with changed as (
    update ampsync_private.stream s
       set state = 'backfill', since = ampsync_private.now(), load_started = ampsync_private.now(),
           load_from = s.checkpoint_block
      from ampsync_private.lease l
     where s.stream_id = p_stream_id
       and l.stream_id = p_stream_id
       and l.epoch = p_epoch
       and s.state = 'live'
    returning s.checkpoint_block
  )
  select ampsync_private.journal(p_stream_id, 'behind', jsonb_build_object('block', c.checkpoint_block))
    from changed c;
$$;
COMMENT ON FUNCTION ampsync_worker.mark_behind(p_stream_id bigint, p_epoch bigint) IS 'Mark a live stream that fell behind the head as loading again.';
CREATE FUNCTION ampsync_worker.mark_live(p_stream_id bigint, p_epoch bigint) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select ampsync_private.commit_async();
  with changed as (
    update ampsync_private.stream s
       set state = 'live', since = ampsync_private.now(), attempts = 0, deaths = 0, next_retry = null,
           error = null, load_started = null, load_from = null,
           reached_head_at = coalesce(s.reached_head_at, ampsync_private.now())
      from ampsync_private.lease l
     where s.stream_id = p_stream_id
       and l.stream_id = p_stream_id
       and l.epoch = p_epoch
       and s.checkpoint_block is not null
       and s.state in ('waiting', 'backfill', 'retrying')
    returning s.checkpoint_block
  )
  select ampsync_private.journal(p_stream_id, 'live', jsonb_build_object('block', c.checkpoint_block))
    from changed c;
  select ampsync_private.join_cut(p_stream_id);
  select ampsync_private.wake_swap(p_stream_id);
  select ampsync_private.plan_indexes(s.stream_id, false)
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     and s.state = 'live';
$$;
COMMENT ON FUNCTION ampsync_worker.mark_live(p_stream_id bigint, p_epoch bigint) IS 'Mark a stream that reached the head as live.';
CREATE FUNCTION ampsync_worker.mark_reorg_pending(p_stream_id bigint, p_epoch bigint, p_from_block bigint) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select ampsync_private.commit_async();
  with changed as (
    update ampsync_private.stream s
       set state = 'reorg_pending',
           since = case when s.state = 'retrying' then s.since else ampsync_private.now() end
      from ampsync_private.lease l
     where s.stream_id = p_stream_id
       and l.stream_id = p_stream_id
       and l.epoch = p_epoch
       and s.state in ('backfill', 'live', 'retrying')
    returning s.checkpoint_block
  )
  select ampsync_private.journal(p_stream_id, 'reorg_pending',
           jsonb_build_object('from_block', p_from_block, 'tip', c.checkpoint_block))
    from changed c;
$$;
COMMENT ON FUNCTION ampsync_worker.mark_reorg_pending(p_stream_id bigint, p_epoch bigint, p_from_block bigint) IS 'Show that a reorg was seen and its replacement is awaited.';
CREATE FUNCTION ampsync_worker.mark_retrying(p_stream_id bigint, p_epoch bigint, p_error jsonb) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select ampsync_private.commit_async();
  with hinted as (
    select ampsync_private.add_hint(p_stream_id, p_error) as error
  ),
  before as (
    select s.state, s.error ->> 'code' as code
      from ampsync_private.stream s
     where s.stream_id = p_stream_id
  ),
  changed as (
    update ampsync_private.stream s
       set state      = 'retrying',
           since      = case when s.state = 'retrying' then s.since else ampsync_private.now() end,
           next_retry = null,
           error      = h.error
      from ampsync_private.lease l
     cross join hinted h
     where s.stream_id = p_stream_id
       and l.stream_id = p_stream_id
       and l.epoch = p_epoch
       and (s.state in ('waiting', 'backfill', 'live')
            or s.state = 'retrying' and s.error ->> 'message' is distinct from p_error ->> 'message')
    returning s.stream_id
  )
  select ampsync_private.journal(p_stream_id,
           case p_error ->> 'code' when 'SY101' then 'protocol_error' else 'stream_error' end, h.error)
    from changed c
   cross join hinted h
   cross join before b
   where b.state <> 'retrying'
      or b.code is distinct from p_error ->> 'code';
$$;
COMMENT ON FUNCTION ampsync_worker.mark_retrying(p_stream_id bigint, p_epoch bigint, p_error jsonb) IS 'Show why a pass had to reconnect, or is waiting for the database.';
CREATE FUNCTION ampsync_worker.name_dataset(p_dataset_id bigint) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select d.label
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id;
$$;
COMMENT ON FUNCTION ampsync_worker.name_dataset(p_dataset_id bigint) IS 'What people call a dataset, for logs.';
CREATE FUNCTION ampsync_worker.name_stream(p_stream_id bigint) RETURNS TABLE(dataset text, table_name text)
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select d.label, s.table_name
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.stream_id = p_stream_id;
$$;
COMMENT ON FUNCTION ampsync_worker.name_stream(p_stream_id bigint) IS 'What people call a stream, for logs: its dataset and its table.';
CREATE FUNCTION ampsync_worker.newest_hash(p_stream_id bigint, p_block bigint) RETURNS TABLE(block bigint, hash bytea, hash_column text)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $_$
#variable_conflict use_column
declare
  v_column text := ampsync_private.hash_column(p_stream_id);
  v_stream ampsync_private.stream;
  v_block  bigint;
begin
  if v_column is not null then
    select * into strict v_stream
      from ampsync_private.stream s
     where s.stream_id = p_stream_id;
    execute format('select %s from %s t where %s order by %s desc limit 1',
                   ampsync_private.row_block(v_stream.identity), v_stream.target,
                   ampsync_private.in_blocks(v_stream.identity, null, '$1'),
                   ampsync_private.block_key(v_stream.identity))
       into v_block
      using p_block + 1;
    return query
    select v_block, r.hash, v_column
      from ampsync_private.hash_in_rows(p_stream_id, v_column, v_block) r(hash)
     where r.hash is not null;
    if found then
      return;
    end if;
  end if;
  return query
  select h.last_block, h.hash, null::text
    from ampsync_private.history h
   where h.stream_id = p_stream_id
     and h.last_block <= p_block
   order by h.last_block desc
   limit 1;
end;
$_$;
COMMENT ON FUNCTION ampsync_worker.newest_hash(p_stream_id bigint, p_block bigint) IS 'The newest block, up to a given one, whose hash a stream holds.';
CREATE FUNCTION ampsync_worker.next_index_step(p_stream_id bigint) RETURNS TABLE(method text, columns text[], options smallint[], statement text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_stream  ampsync_private.stream;
  v_index   ampsync_private.target_index;
  v_serving oid;
  v_left    oid; -- What an interrupted build left behind.
  v_missing text[];
begin
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     and ampsync_private.indexes_are_due(p_stream_id);
  if not found then
    return;
  end if;
  for v_index in
    select *
      from ampsync_private.target_index t
     where t.stream_id = p_stream_id
       and t.state <> 'failed'
       and (t.next_retry is null or t.next_retry <= ampsync_private.now())
     order by t.position
       for no key update
  loop
    v_serving := ampsync_private.serving_index(v_stream.target, v_index.method, v_index.columns, v_index.options);
    if v_serving is not null then
      perform ampsync_private.mark_index_valid(v_index, v_serving);
      continue;
    end if;
    v_missing := ampsync_private.missing_index_columns(v_stream.target, v_index.columns);
    if v_missing <> '{}' then
      perform ampsync_worker.note_index(p_stream_id, v_index.method, v_index.columns, v_index.options,
        jsonb_build_object(
          'code', 'SY004',
          'message', format('table %s has no column %s', v_stream.target, array_to_string(v_missing, ', ')),
          'detail', 'Names are taken as they are written, upper case included.',
          'hint', format('select ampsync.enqueue_sync(%L, indexes => ''{"%s": [["_block_num desc"]]}'');',
                         ampsync_private.stream_label(p_stream_id), v_stream.table_name)),
        true);
      continue;
    end if;
    select i.indexrelid into v_left
      from pg_index i
      join pg_class c on c.oid = i.indexrelid
     where i.indrelid = v_stream.target
       and c.relname = v_index.index_name
       and not i.indisvalid;
    if exists (select from pg_stat_progress_create_index b where b.index_relid = v_left) then
      update ampsync_private.target_index t
         set next_retry = ampsync_private.now() + interval '10 s'
       where (t.stream_id, t.method, t.columns, t.options)
             = (p_stream_id, v_index.method, v_index.columns, v_index.options);
      continue;
    end if;
    if v_left is null then
      v_index.index_name := ampsync_private.index_name(v_stream.target, v_index.method, v_index.columns,
                                                       v_index.options);
    end if;
    update ampsync_private.target_index t
       set index_name  = v_index.index_name,
           index_id    = null,
           builder_pid = pg_backend_pid(),
           since       = case when t.state <> 'building' then ampsync_private.now() else t.since end,
           state       = 'building',
           next_retry  = null
     where (t.stream_id, t.method, t.columns, t.options)
           = (p_stream_id, v_index.method, v_index.columns, v_index.options);
    return query
    select v_index.method, v_index.columns, v_index.options,
           case when v_left is not null
                then format('drop index concurrently if exists %I.%I', n.nspname, v_index.index_name)
                else format('create index concurrently %I on %I.%I using %s (%s)%s',
                            v_index.index_name, n.nspname, c.relname, v_index.method,
                            ampsync_private.index_column_list(v_index.columns, v_index.options),
                            case when v_index.method = 'brin' then ' with (autosummarize = on)' else '' end) end
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where c.oid = v_stream.target;
    return;
  end loop;
  if ampsync_private.indexes_are_due(p_stream_id) then
    perform ampsync_private.schedule_index(p_stream_id); -- What waits for its next attempt.
  end if;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.next_index_step(p_stream_id bigint) IS 'The next statement on the way to the indexes of a stream; no row when none is due.';
CREATE FUNCTION ampsync_worker.next_repair(p_stream_id bigint, p_epoch bigint) RETURNS TABLE(first_block bigint, last_block bigint, own_hash bytea, newest_row bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
#variable_conflict use_column
declare
  v_column   text := ampsync_private.hash_column(p_stream_id);
  v_tip      bigint;
  v_retained bigint;
  v_parent   bytea;
  v_row      bytea;
begin
  select min(h.first_block), max(h.last_block) into v_retained, v_tip
    from ampsync_private.history h
   where h.stream_id = p_stream_id;
  for first_block, last_block in
    select r.first_block, r.last_block
      from ampsync_private.repair r
      join ampsync_private.lease l using (stream_id)
     where r.stream_id = p_stream_id
       and l.epoch = p_epoch
       and r.due_at <= ampsync_private.now()
     order by r.first_block
  loop
    if not ampsync_private.hold_target(p_stream_id) then
      call ampsync_private.raise_target_moved(p_stream_id);
    end if;
    v_row := ampsync_private.hash_in_rows(p_stream_id, v_column, last_block);
    v_parent := case when v_column = 'hash'
                     then ampsync_private.hash_in_rows(p_stream_id, 'parent_hash', last_block + 1) end;
    newest_row := ampsync_private.newest_row(p_stream_id);
    if last_block < v_retained then
      own_hash := v_parent;
      if own_hash is null and v_row is not null then
        own_hash := coalesce(ampsync_private.hash_in_table_of_blocks(p_stream_id, last_block), v_row);
      end if;
      return next;
      return;
    end if;
    own_hash := coalesce(
      (select h.hash
         from ampsync_private.history h
        where h.stream_id = p_stream_id and h.last_block = next_repair.last_block),
      v_parent, v_row);
    if own_hash is not null and last_block <= v_tip then
      return next;
      return;
    end if;
    perform ampsync_worker.defer_repair(p_stream_id, p_epoch, first_block, jsonb_build_object(
              'code', 'SY101', 'message', format('the hash of block %s is not known here yet', last_block),
              'hint', 'Retried automatically; once the chain has moved on, no hash is needed.'));
  end loop;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.next_repair(p_stream_id bigint, p_epoch bigint) IS 'The range of blocks that a pass should fetch again next, with the hash that proves it.';
CREATE FUNCTION ampsync_worker.note_answer(p_answer_id bigint, p_version text, p_manifest_hash text, p_has_namespaces boolean, p_tables jsonb, p_head bigint, p_error jsonb) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  update ampsync_private.answer a
     set answered_at    = ampsync_private.now(),
         version        = p_version,
         manifest_hash  = p_manifest_hash,
         has_namespaces = p_has_namespaces,
         tables         = p_tables,
         head           = p_head,
         error          = p_error
   where a.answer_id = p_answer_id;
$$;
COMMENT ON FUNCTION ampsync_worker.note_answer(p_answer_id bigint, p_version text, p_manifest_hash text, p_has_namespaces boolean, p_tables jsonb, p_head bigint, p_error jsonb) IS 'Store what the Amp server said about a dataset, for ampsync.explain_sync.';
CREATE FUNCTION ampsync_worker.note_holding(p_stream_id bigint, p_epoch bigint, p_holds boolean) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select ampsync_private.commit_async();
  update ampsync_private.lease l
     set holds = p_holds
   where l.stream_id = p_stream_id
     and l.epoch = p_epoch
     and l.holder is not null;
$$;
COMMENT ON FUNCTION ampsync_worker.note_holding(p_stream_id bigint, p_epoch bigint, p_holds boolean) IS 'Record whether a pass holds data of its stream that is not committed.';
CREATE FUNCTION ampsync_worker.note_index(p_stream_id bigint, p_method text, p_columns text[], p_options smallint[], p_error jsonb, p_final boolean) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_index   ampsync_private.target_index;
  v_target  regclass;
  v_serving oid;
begin
  select * into v_index
    from ampsync_private.target_index t
   where (t.stream_id, t.method, t.columns, t.options) = (p_stream_id, p_method, p_columns, p_options)
     for no key update;
  if not found then
    return;
  end if;
  select s.target into v_target
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  v_serving := coalesce(
    ampsync_private.serving_index(v_target, p_method, p_columns, p_options),
    (select i.indexrelid -- Just built.
       from pg_index i
       join pg_class c on c.oid = i.indexrelid
      where p_error is null and i.indrelid = v_target and c.relname = v_index.index_name and i.indisvalid));
  if v_serving is not null then
    perform ampsync_private.mark_index_valid(v_index, v_serving);
    return;
  end if;
  if p_error is null then -- What was left behind is dropped, and the index can be built now.
    return;
  end if;
  update ampsync_private.target_index t
     set state      = case when p_final then 'failed' else 'waiting' end,
         index_id   = null,
         since      = case when p_final or t.error is null then ampsync_private.now() else t.since end,
         attempts   = t.attempts + 1,
         next_retry = case when not p_final then ampsync_private.now()
                        + ampsync_private.retry_delay(t.attempts + 1, '{10,30,60,300,900}') end,
         error      = p_error || jsonb_build_object('hint', coalesce(
                        p_error ->> 'hint',
                        case when p_final then format('select ampsync.enqueue_sync(%L);',
                                                      ampsync_private.stream_label(p_stream_id)) end,
                        'Retried automatically: select * from ampsync.indexes;'))
   where (t.stream_id, t.method, t.columns, t.options) = (p_stream_id, p_method, p_columns, p_options);
  perform ampsync_private.journal(p_stream_id, 'index_failed', p_error || jsonb_build_object(
    'columns', ampsync_private.index_column_list(p_columns, p_options), 'final', p_final));
end;
$$;
COMMENT ON FUNCTION ampsync_worker.note_index(p_stream_id bigint, p_method text, p_columns text[], p_options smallint[], p_error jsonb, p_final boolean) IS 'Record what became of an index: valid, to be retried, or failed.';
CREATE FUNCTION ampsync_worker.note_version(p_dataset_id bigint, p_version text, p_manifest_hash text, p_has_namespaces boolean, p_begun_at timestamp with time zone, p_interval interval) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '5s'
    AS $$
declare
  v_dataset ampsync_private.dataset;
  v_pause   interval;
  v_due     timestamptz;
begin
  select * into v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and ampsync_private.is_polled(d)
     for no key update;
  if not found then
    return null;
  end if;
  v_pause := ampsync_private.poll_pause(v_dataset, p_interval, 0);
  v_due := p_begun_at + v_pause;
  if v_due <= ampsync_private.now() then
    v_due := ampsync_private.now() + v_pause;
  end if;
  update ampsync_private.dataset d
     set has_namespaces = p_has_namespaces,
         poll_due       = v_due,
         poll_attempts  = 0,
         poll_error     = null
   where d.dataset_id = p_dataset_id;
  perform ampsync_private.schedule_poll(p_dataset_id, v_due);
  return case when ampsync_private.offer_version(p_dataset_id, p_version, p_manifest_hash)
              then 'new_version_detected' else 'version_unchanged' end;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.note_version(p_dataset_id bigint, p_version text, p_manifest_hash text, p_has_namespaces boolean, p_begun_at timestamp with time zone, p_interval interval) IS 'Take the version that a poll found, and queue the next poll.';
CREATE FUNCTION ampsync_worker.own_hash(p_stream_id bigint, p_block bigint) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select '0x' || encode(ampsync_private.own_hash(p_stream_id, p_block), 'hex');
$$;
COMMENT ON FUNCTION ampsync_worker.own_hash(p_stream_id bigint, p_block bigint) IS 'The hash of a block in this stream''s own history or rows.';
CREATE FUNCTION ampsync_worker.prepare_target(p_stream_id bigint, p_epoch bigint, p_has_block_num boolean, p_columns jsonb, p_attempt integer DEFAULT 1) RETURNS text[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_stream  ampsync_private.stream;
  v_waits   jsonb;
  v_columns jsonb;
  v_target  regclass;
begin
  call ampsync_private.enter_fence(p_stream_id, p_epoch);
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  if v_stream.target is not null then
    perform ampsync_private.check_target(v_stream);
  else
    perform pg_advisory_xact_lock(hashtextextended('ampsync.schema:' || v_stream.target_schema, 0));
    select * into strict v_stream -- The same call, abandoned by its caller, may have created it meanwhile.
      from ampsync_private.stream s
     where s.stream_id = p_stream_id;
  end if;
  if not p_has_block_num and v_stream.from_block > 0 then
    call ampsync_private.raise_no_block_num(p_stream_id);
  end if;
  if exists (select 1
               from ampsync_private.lease l
              where l.stream_id = p_stream_id
                and (l.version, l.manifest_hash) is distinct from (v_stream.version, v_stream.manifest_hash)) then
    return null; -- The columns are those of a version that is no longer followed. A heartbeat ends this pass.
  end if;
  select ampsync_private.evolve_target(l.stream_id, p_has_block_num, p_columns, p_attempt) into v_waits
    from ampsync_private.stream l
   where l.stream_id = v_stream.shadow_of
     and (l.version, l.manifest_hash) is not distinct from (v_stream.version, v_stream.manifest_hash)
     and not exists (select 1
                       from ampsync_private.plan_evolution(l.stream_id, p_has_block_num, p_columns) e
                      where e.action = 'refuse');
  if v_stream.target is not null and v_waits is null then
    v_waits := ampsync_private.evolve_target(p_stream_id, p_has_block_num, p_columns, p_attempt);
  end if;
  if v_waits is not null then
    perform ampsync_worker.mark_retrying(p_stream_id, p_epoch, v_waits);
    return null;
  end if;
  if v_stream.target is null then
    v_columns := ampsync_private.first_columns(p_stream_id, p_columns);
    perform ampsync_private.check_swappable(l.stream_id, p_has_block_num, v_columns)
       from ampsync_private.stream l
       join pg_class c on c.oid = l.target
      where l.stream_id = v_stream.shadow_of;
    perform ampsync_private.check_schema(p_stream_id, v_stream.target_schema);
    perform ampsync_private.check_target_free(v_stream.dataset_id, v_stream.table_name,
                                              v_stream.target_schema, v_stream.target_table);
    v_target := ampsync_private.create_target( -- Not in the UPDATE, which evaluates again what it has waited for.
                  v_stream.target_schema, v_stream.target_table, p_has_block_num, v_columns,
                  v_stream.identity);
    update ampsync_private.stream s
       set target        = v_target,
           columns       = v_columns,
           has_block_num = p_has_block_num
     where s.stream_id = p_stream_id;
    perform ampsync_private.journal(p_stream_id, 'table_created');
  else
    perform ampsync_private.check_target_fits(p_stream_id);
  end if;
  perform ampsync_private.plan_indexes(p_stream_id, false);
  return (select array_agg(c.value ->> 'name' order by c.ordinality)
            from ampsync_private.stream s
           cross join jsonb_array_elements(s.columns) with ordinality c
           where s.stream_id = p_stream_id);
end;
$$;
COMMENT ON FUNCTION ampsync_worker.prepare_target(p_stream_id bigint, p_epoch bigint, p_has_block_num boolean, p_columns jsonb, p_attempt integer) IS 'Create a stream''s target, or make it fit what the server sends; its columns in order, null to call again.';
CREATE FUNCTION ampsync_worker.prune_events(p_limit integer DEFAULT 1000) RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_seqscan TO 'off'
    SET jit TO 'off'
    AS $$
declare
  v_newest  bigint := (select max(e.event_id) from ampsync_private.event e);
  v_keep    ampsync_private.retention;
  v_deleted integer;
begin
  perform ampsync_private.commit_async();
  select * into strict v_keep from ampsync_private.retention;
  with aged as (
    select e.event_id
      from ampsync_private.event e
     where e.at < (select ampsync_private.now()) - v_keep.event_age
       and (e.stream_id is null or exists (select 1
                                             from ampsync_private.event n
                                            where n.stream_id = e.stream_id and n.event_id > e.event_id))
     order by e.at
     limit p_limit
       for update of e skip locked
  ),
  surplus as (
    select e.event_id
      from ampsync_private.event e
     where e.event_id <= v_newest - v_keep.event_rows
       and (e.stream_id is null or exists (select 1
                                             from ampsync_private.event n
                                            where n.stream_id = e.stream_id and n.event_id > e.event_id))
     order by e.event_id
     limit p_limit
       for update of e skip locked
  )
  delete from ampsync_private.event e
   where e.event_id = any (array(select a.event_id from aged a union select s.event_id from surplus s));
  get diagnostics v_deleted = row_count;
  return v_deleted;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.prune_events(p_limit integer) IS 'Delete a batch of events beyond their retention, never the last one of a stream; returns how many.';
CREATE FUNCTION ampsync_worker.prune_formers() RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '300ms'
    AS $$
declare
  v_dataset_id bigint;
  v_tables     text;
  v_dropped    integer := 0;
  v_message    text;
  v_detail     text;
begin
  select d.dataset_id into v_dataset_id
    from ampsync_private.former f
    join ampsync_private.dataset d using (dataset_id)
   where f.kept = 'kept'
     and f.replaced_at < ampsync_private.now() - (select r.former_age from ampsync_private.retention r)
     and coalesce(f.next_try <= ampsync_private.now(), true)
   order by f.replaced_at
   limit 1
     for no key update of d skip locked;
  if not found then
    return 0;
  end if;
  begin
    select string_agg(c.oid::regclass::text, ', ' order by c.oid) into v_tables
      from ampsync_private.stream s
      join pg_class c on c.oid = s.target
     where s.dataset_id = v_dataset_id
       and s.state = 'former';
    if v_tables is not null then
      execute 'drop table ' || v_tables;
    end if;
    delete from ampsync_private.stream s
     where s.dataset_id = v_dataset_id
       and s.state = 'former';
    get diagnostics v_dropped = row_count;
    update ampsync_private.former f set kept = 'pruned' where f.dataset_id = v_dataset_id;
    perform ampsync_private.journal(null, 'former_pruned', jsonb_build_object('tables', v_dropped), v_dataset_id);
  exception
    when lock_not_available or dependent_objects_still_exist then
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail;
      update ampsync_private.former f
         set next_try = ampsync_private.now() + interval '1 h'
       where f.dataset_id = v_dataset_id;
      perform ampsync_private.journal(null, 'former_kept', jsonb_build_object(
                'message', v_message, 'detail', v_detail), v_dataset_id);
      return 0;
  end;
  return v_dropped;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.prune_formers() IS 'Drop the former tables of one dataset whose time is over; returns how many.';
CREATE FUNCTION ampsync_worker.register_streams(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables text[], p_has_namespaces boolean DEFAULT true) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
$_$;
COMMENT ON FUNCTION ampsync_worker.register_streams(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables text[], p_has_namespaces boolean) IS 'Record what a dataset resolved to and create a stream for each wanted table.';
CREATE FUNCTION ampsync_worker.register_worker(p_worker_id text, p_host text, p_pid integer, p_version text, p_slots integer) RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  insert into ampsync_private.worker as w (worker_id, started_at, heartbeat_at, host, pid, version, slots)
  values (p_worker_id, ampsync_private.now(), ampsync_private.now(), p_host, p_pid, p_version, p_slots)
  on conflict (worker_id) do update -- A heartbeat came first.
     set host = excluded.host, pid = excluded.pid, version = excluded.version, slots = excluded.slots;
$$;
COMMENT ON FUNCTION ampsync_worker.register_worker(p_worker_id text, p_host text, p_pid integer, p_version text, p_slots integer) IS 'Register a worker: where it runs, its version and its slots.';
CREATE FUNCTION ampsync_worker.renew_leases(p_worker_id text, p_leases jsonb) RETURNS TABLE(stream_id bigint, verdict text, state text)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
    AS $$
#variable_conflict use_column
declare
  v_now        timestamptz := ampsync_private.now();
  v_until      timestamptz := v_now + ampsync_private.lease_duration();
  v_holds_lock boolean;
  v_waiting    bigint;
  v_held       record; -- p_leases as arrays: reading a thousand members three times takes longer than all the rest.
begin
  perform ampsync_private.commit_async();
  v_holds_lock := ampsync_private.hold_worker_lock(p_worker_id);
  insert into ampsync_private.worker as w (worker_id, started_at, heartbeat_at, had_lock)
  values (p_worker_id, v_now, v_now, v_holds_lock)
  on conflict (worker_id) do update
     set heartbeat_at = v_now, had_lock = w.had_lock or v_holds_lock, lost_at = null;
  -- A free slot of this worker takes a pass that waits; other jobs start within a second where a slot is left to them.
  select greatest(count(*) filter (where j.task_identifier = 'ampsync_stream') - coalesce(max(f.slots), 0), 0)
         + count(*) filter (where j.task_identifier <> 'ampsync_stream')
    into v_waiting
    from graphile_worker.jobs j
   cross join lateral (select max(greatest(w.slots - jsonb_array_length(p_leases), 0)) as slots
                         from ampsync_private.worker w
                        where w.worker_id = p_worker_id) f
   where j.locked_at is null
     and j.attempts < j.max_attempts
     and starts_with(j.task_identifier, 'ampsync_')
     and j.run_at <= v_now - case j.task_identifier when 'ampsync_stream' then interval '0' else interval '2 s' end;
  v_waiting := v_waiting + ampsync_private.to_yield(p_worker_id);
  if not ampsync_private.job_waits('ampsync_supervise', null)
     and not ampsync_private.notify_waits() then -- Queueing a job notifies.
    perform ampsync_worker.schedule_supervision();
  end if;
  select coalesce(array_agg(p.stream_id), '{}') as streams, array_agg(p.epoch) as epochs, array_agg(p.head) as heads,
         array_agg(p.network) as networks, array_agg(p.writer_waits_s) as writer_s,
         array_agg(p.writer_silent) as silent, array_agg(p.waits) as waits, array_agg(p.waits_s) as waits_s,
         array_agg(p.holds) as holds
    into v_held
    from jsonb_to_recordset(p_leases)
           p (stream_id bigint, epoch bigint, head bigint, network text, writer_waits_s numeric,
              writer_silent boolean, waits text, waits_s numeric, holds boolean);
  insert into ampsync_private.head as d (dataset_id, network, block, reported_at)
  select r.dataset_id, r.network, r.block, v_now
    from (select s.dataset_id, coalesce(p.network, s.network) as network, max(p.head) as block
            from unnest(v_held.streams, v_held.epochs, v_held.heads, v_held.networks)
                   p (stream_id, epoch, head, network)
            join ampsync_private.stream s using (stream_id)
            join ampsync_private.lease l -- A pass that has lost it may have asked another server: see set_source.
              on l.stream_id = p.stream_id and l.epoch = p.epoch
           where p.head is not null
             and coalesce(p.network, s.network) is not null
             and (s.shadow_of is null or not ampsync_private.is_beside(s)) -- Another version may have another head.
           group by 1, 2) r
   where pg_try_advisory_xact_lock_shared(ampsync_private.heads_key(r.dataset_id)) -- Without those being dropped.
   order by 1, 2
  on conflict on constraint head_pkey do update set block = excluded.block, reported_at = excluded.reported_at;
  return query
  with held as materialized (
    select *
      from unnest(v_held.streams, v_held.epochs, v_held.heads, v_held.silent, v_held.holds)
             p (stream_id, epoch, head, writer_silent, holds)
  ),
  free as materialized (
    select l.stream_id, h.head, coalesce(h.holds, l.holds) as holds,
           s.row_total, s.state, h.head <= s.checkpoint_block as is_at_head,
           coalesce(h.head > s.checkpoint_block, h.head is not null) as is_below_head,
           coalesce(l.stalled_since >= s.committed_at, l.stalled_since is not null) as is_stalled,
           least(case when s.state = 'orphaned' then s.since
                      when (l.version, l.manifest_hash) is distinct from (s.version, s.manifest_hash)
                        then s.version_since end,
                 case when d.quiesce_until > v_now then d.quiesce_until - interval '60 s' end) as ends_since,
           exists (select 1
                     from ampsync_private.repair p
                    where p.stream_id = h.stream_id and p.due_at <= v_now) as is_to_repair
      from held h
      join ampsync_private.lease l on l.stream_id = h.stream_id and l.epoch = h.epoch
      join ampsync_private.stream s on s.stream_id = h.stream_id
      join ampsync_private.dataset d using (dataset_id)
     where l.holder = p_worker_id
       for no key update of l skip locked
  ),
  renewed as (
    update ampsync_private.lease l
       set lease_until = v_until,
           rows_per_s  = greatest(f.row_total - l.rows_seen, 0) / greatest(extract(epoch from v_now - l.seen_at), 1),
           rows_seen   = f.row_total,
           seen_at     = v_now,
           holds       = f.holds,
           stalled_since = case when not f.holds and (f.is_at_head or f.head is null and l.stalled_until <= v_now)
                                  then null
                                when f.is_stalled then l.stalled_since
                                when f.is_below_head or f.holds and not f.is_to_repair then v_now end,
           stalled_until = case when f.is_below_head then 'infinity'
                                when f.is_stalled and f.head is null
                                     and (not f.holds or l.stalled_until = 'infinity')
                                  then l.stalled_until
                                when f.holds then v_now + interval '60 s' end,
           waits_for   = w.reason,
           waits_hint  = w.hint
      from free f
      left join ampsync_private.passes_wait(v_held.streams, v_held.epochs, v_held.writer_s, v_held.waits,
                                            v_held.waits_s) w using (stream_id)
     where l.stream_id = f.stream_id
    returning l.stream_id, l.acquired_at, f.state, f.ends_since, f.is_to_repair
  ),
  ranked as (
    select r.*, row_number() over (order by r.acquired_at) as age_rank
      from renewed r
  )
  select h.stream_id,
         case when r.stream_id is null
                then case when exists (select 1
                                         from ampsync_private.lease l
                                        where l.stream_id = h.stream_id
                                          and l.epoch = h.epoch
                                          and l.holder = p_worker_id)
                          then 'keep' else 'lost' end
              when h.writer_silent and not ampsync_private.writer_works(h.stream_id, h.epoch) then 'severed'
              when r.ends_since <= v_now - interval '25 s' then 'end'
              when r.ends_since is not null or r.age_rank <= v_waiting or r.is_to_repair then 'yield'
              else 'keep' end,
         r.state
    from held h
    left join ranked r using (stream_id);
end;
$$;
COMMENT ON FUNCTION ampsync_worker.renew_leases(p_worker_id text, p_leases jsonb) IS 'Heartbeat of a worker: renew its leases; says for each whether to keep it, to yield, or that it is lost.';
CREATE FUNCTION ampsync_worker.schedule_supervision() RETURNS void
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  select ampsync_private.commit_async();
  select ampsync_private.schedule_supervisor(least(
    ampsync_private.now() + interval '5 s',
    (select min(l.lease_until) + interval '100 ms'
       from ampsync_private.lease l
      where l.lease_until > (select ampsync_private.now())) -- Once, not for each lease.
  ));
$$;
COMMENT ON FUNCTION ampsync_worker.schedule_supervision() IS 'Queue the next run of the supervisor.';
CREATE FUNCTION ampsync_worker.start_sync(p_dataset text, p_tables text[], p_retention_blocks integer, p_queries jsonb DEFAULT NULL::jsonb, OUT is_new boolean, OUT target_schema text, OUT hint text, OUT left_out text[]) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_ref    record := ampsync_private.parse_reference(p_dataset);
  v_stored ampsync_private.dataset;
begin
  perform ampsync_private.lock_dataset(d.dataset_id) -- One that is just dropped is new after that.
     from ampsync_private.dataset d
    where d.namespace = v_ref.namespace and d.name = v_ref.name
      and coalesce(d.revision, 'latest') = coalesce(v_ref.revision, 'latest');
  is_new := not exists (
    select from ampsync_private.dataset d
     where d.namespace = v_ref.namespace and d.name = v_ref.name
       and coalesce(d.revision, 'latest') = coalesce(v_ref.revision, 'latest'));
  perform ampsync.enqueue_sync(
    p_dataset, tables => p_tables,
    target_schema    => case when is_new then 'public' end,
    retention_blocks => case when is_new then p_retention_blocks end,
    queries          => p_queries);
  select * into strict v_stored
    from ampsync_private.dataset d
   where d.namespace = v_ref.namespace and d.name = v_ref.name
     and coalesce(d.revision, 'latest') = coalesce(v_ref.revision, 'latest');
  target_schema := v_stored.target_schema;
  if p_retention_blocks <> v_stored.retention_blocks then
    hint := format('select ampsync.alter_sync(%L, retention_blocks => %s);', v_stored.label, p_retention_blocks);
  end if;
  select concat_ws(' ', hint, string_agg(format('select ampsync.resync(%L, %L);', v_stored.label, s.table_name), ' '
                                         order by s.table_name))
    into hint
    from ampsync_private.stream s
   where s.dataset_id = v_stored.dataset_id
     and s.shadow_of is null
     and s.state <> 'resyncing'
     and p_queries ? s.table_name
     and s.query is distinct from v_stored.queries ->> s.table_name;
  hint := nullif(hint, '');
  left_out := array(select q.name from jsonb_object_keys(v_stored.queries) q(name)
                     where not p_queries ? q.name
                     order by 1);
end;
$$;
COMMENT ON FUNCTION ampsync_worker.start_sync(p_dataset text, p_tables text[], p_retention_blocks integer, p_queries jsonb, OUT is_new boolean, OUT target_schema text, OUT hint text, OUT left_out text[]) IS 'Enqueue the dataset of a process''s settings, which are defaults of a new one.';
CREATE FUNCTION ampsync_worker.supervise() RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '300ms'
    AS $$
declare
  v_now    timestamptz := ampsync_private.now();
  v_lost   text[];
  v_dead   text[];
  v_item   record;
  v_queued integer := 0;
begin
  perform ampsync_private.commit_async();
  perform ampsync_private.shorten_times();
  v_lost := array(
    select w.worker_id
      from ampsync_private.worker w
     where w.lost_at is not null
       and ampsync_private.worker_is_dead(w.worker_id)
  );
  v_dead := array(
    select distinct j.locked_by
      from graphile_worker.jobs j
      left join ampsync_private.worker w on w.worker_id = j.locked_by
     where starts_with(j.task_identifier, 'ampsync_')
       and (coalesce(w.heartbeat_at, j.locked_at) < v_now - ampsync_private.lease_duration()
            or j.locked_by = any (v_lost))
  );
  begin
    perform ampsync_private.free_jobs(v_dead);
    -- Jobs that were replaced while they ran, by workers that then died: nothing will ever start them.
    perform graphile_worker.complete_jobs(array_agg(j.id))
       from graphile_worker.jobs j
      where starts_with(j.task_identifier, 'ampsync_')
        and j.key is null and j.locked_at is null and j.attempts >= j.max_attempts
     having count(*) > 0;
  exception
    when lock_not_available then
      null; -- A transaction that stays open has replaced one of them.
  end;
  perform ampsync_private.join_cut(s.stream_id)
     from ampsync_private.stream s
    where s.state = 'live' and not s.in_cut;
  delete from ampsync_private.worker w
   where w.heartbeat_at < v_now - interval '1 day';
  for v_item in
    select s.stream_id
      from ampsync_private.stream s
      join ampsync_private.lease l using (stream_id)
     where not ampsync_private.is_halted(s.state)
       and (l.lease_until is null or l.lease_until <= v_now or l.holder = any (v_lost))
       and not ampsync_private.job_waits('ampsync_stream:' || s.stream_id, s.next_retry)
       and not case when s.shadow_of is not null and ampsync_private.is_beside(s)
                      then ampsync_private.swap_runs(s.stream_id)
                    when s.swap_retry is null then ampsync_private.job_waits('ampsync_swap:' || s.stream_id, null)
                    else ampsync_private.swap_runs(s.stream_id) end -- Between two attempts it follows the chain.
       for no key update of s skip locked
  loop
    perform ampsync_private.schedule_stream(v_item.stream_id);
    perform ampsync_private.journal(v_item.stream_id, 'job_recreated');
    v_queued := v_queued + 1;
  end loop;
  for v_item in
    select s.stream_id
      from ampsync_private.stream s
     where s.shadow_of is not null
       and ampsync_private.swap_is_due(s.stream_id)
       and not ampsync_private.is_beside(s)
       and not ampsync_private.job_waits('ampsync_swap:' || s.stream_id, s.swap_retry)
       for no key update skip locked
  loop
    perform ampsync_private.schedule_swap(v_item.stream_id);
    perform ampsync_private.journal(v_item.stream_id, 'job_recreated');
    v_queued := v_queued + 1;
  end loop;
  perform ampsync_worker.yield_index_build('5 s'); -- Of a worker that died: the server goes on with it.
  if ampsync_private.index_builder() is null then
    for v_item in
      select s.stream_id
        from ampsync_private.stream s
        join ampsync_private.dataset d using (dataset_id)
       where exists (select 1 -- What is cheap first: of most streams all indexes are there.
                       from ampsync_private.target_index t
                      where t.stream_id = s.stream_id
                        and t.state <> 'failed'
                        and not exists (select from pg_index i
                                         where i.indexrelid = t.index_id and i.indrelid = s.target and i.indisvalid))
         and ampsync_private.indexes_are_due(s.stream_id)
         and not ampsync_private.job_waits('ampsync_index:' || s.stream_id, (
               select min(t.next_retry) from ampsync_private.target_index t where t.stream_id = s.stream_id))
         for no key update skip locked
    loop
      perform ampsync_private.schedule_index(v_item.stream_id);
      perform ampsync_private.journal(v_item.stream_id, 'job_recreated');
      v_queued := v_queued + 1;
    end loop;
  end if;
  for v_item in
    select u.dataset_id
      from ampsync_private.upgrade u
      join ampsync_private.dataset d using (dataset_id)
     where ampsync_private.upgrade_step(u.dataset_id) is not null
       and not ampsync_private.job_waits('ampsync_upgrade:' || u.dataset_id, u.next_retry)
       for no key update of d skip locked
  loop
    perform ampsync_private.schedule_upgrade(v_item.dataset_id);
    perform ampsync_private.journal(null, 'job_recreated', p_dataset_id => v_item.dataset_id);
    v_queued := v_queued + 1;
  end loop;
  for v_item in
    select d.dataset_id
      from ampsync_private.dataset d
     where d.state = 'waiting'
       and not ampsync_private.job_waits('ampsync_resolve:' || d.dataset_id, d.next_retry)
       for no key update skip locked
  loop
    perform ampsync_private.schedule_resolve(v_item.dataset_id);
    perform ampsync_private.journal(null, 'job_recreated', p_dataset_id => v_item.dataset_id);
    v_queued := v_queued + 1;
  end loop;
  for v_item in
    select d.dataset_id
      from ampsync_private.dataset d
     where ampsync_private.wants_reload(d)
       and not ampsync_private.job_waits('ampsync_reload:' || d.dataset_id, d.offered_retry)
       for no key update skip locked
  loop
    perform ampsync_private.schedule_reload(v_item.dataset_id);
    perform ampsync_private.journal(null, 'job_recreated', p_dataset_id => v_item.dataset_id);
    v_queued := v_queued + 1;
  end loop;
  for v_item in
    select d.dataset_id
      from ampsync_private.dataset d
     where ampsync_private.is_polled(d)
       and not ampsync_private.job_waits('ampsync_poll:' || d.dataset_id, d.poll_due)
       for no key update skip locked
  loop
    perform ampsync_private.schedule_poll(v_item.dataset_id);
    perform ampsync_private.journal(null, 'job_recreated', p_dataset_id => v_item.dataset_id);
    v_queued := v_queued + 1;
  end loop;
  return v_queued;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.supervise() IS 'Free the jobs of dead workers and queue whatever has no job; returns the number of jobs queued.';
CREATE FUNCTION ampsync_worker.swap_resync(p_shadow_id bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_shadow  ampsync_private.stream;
  v_dataset ampsync_private.dataset;
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
  perform ampsync_private.exchange_streams(array[v_shadow.shadow_of], false, false);
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
    return true;
  end if;
  update ampsync_private.stream s
     set version = v_dataset.resolved_version, manifest_hash = v_dataset.resolved_hash,
         version_since = ampsync_private.now()
   where s.stream_id = v_shadow.shadow_of
     and v_dataset.dataset_id is not null;
  perform ampsync_private.schedule_stream(v_shadow.shadow_of);
  return true;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.swap_resync(p_shadow_id bigint) IS 'Give a stream the rows of its resync, in one transaction; false if there is none or it is not due.';
CREATE FUNCTION ampsync_worker.tables_to_explain(p_answer_id bigint, p_version text, p_tables text[], p_has_namespaces boolean) RETURNS TABLE(source_schema text, tables jsonb)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_answer  ampsync_private.answer;
  v_dataset ampsync_private.dataset;
begin
  select * into v_answer
    from ampsync_private.answer a
   where a.answer_id = p_answer_id;
  if not found then
    return;
  end if;
  select * into v_dataset
    from ampsync_private.dataset d
   where (d.namespace, d.name) = (v_answer.namespace, v_answer.name)
     and d.revision is not distinct from v_answer.revision;
  v_dataset.namespace      := v_answer.namespace;
  v_dataset.name           := v_answer.name;
  v_dataset.revision       := v_answer.revision;
  v_dataset.has_namespaces := p_has_namespaces;
  return query
  select ampsync_private.source_schema(v_dataset, p_version),
         (select coalesce(jsonb_object_agg(t.name, coalesce(v_dataset.exclude_columns -> t.name, '[]')), '{}')
            from unnest(p_tables) t(name)
           where v_dataset.tables is null or t.name = any (v_dataset.tables));
end;
$$;
COMMENT ON FUNCTION ampsync_worker.tables_to_explain(p_answer_id bigint, p_version text, p_tables text[], p_has_namespaces boolean) IS 'Which tables of a version are to be planned for ampsync.explain_sync.';
CREATE FUNCTION ampsync_worker.yield_index_build(p_patience interval DEFAULT '00:00:00'::interval) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
  v_builder integer := ampsync_private.index_builder();
  v_waits   integer[]; -- Who waits for the build.
  v_holds   integer[]; -- Whom the build waits for.
  v_now     timestamptz := ampsync_private.now();
  v_reason  text;
begin
  if not exists (select from pg_stat_activity a
                  where a.pid = v_builder and a.state = 'active'
                    and a.query ~ '^(create|drop) index concurrently ') then
    return null;
  end if;
  select array_agg(w.pid) into v_waits
    from pg_locks w
   where not w.granted
     and w.pid <> v_builder
     and coalesce(w.waitstart, v_now) <= v_now - p_patience
     and v_builder = any (pg_blocking_pids(w.pid));
  if v_waits is not null then
    v_reason := format('the build was ended because %s waited for it', ampsync_private.describe_sessions(v_waits));
  else
    select array_agg(b.pid) into v_holds
      from pg_locks w
     cross join lateral unnest(pg_blocking_pids(w.pid)) b(pid)
      left join pg_stat_activity a on a.pid = b.pid
     where w.pid = v_builder and not w.granted and w.locktype = 'relation'
       and coalesce(w.waitstart, v_now)
           <= v_now - p_patience - case when a.backend_type = 'autovacuum worker' then interval '3 s' else '0' end;
    if v_holds is null then
      return null;
    end if;
    v_reason := format('the table is locked by %s', ampsync_private.describe_sessions(v_holds));
  end if;
  perform pg_cancel_backend(v_builder);
  return v_reason;
exception when insufficient_privilege then
  return null;
end;
$$;
COMMENT ON FUNCTION ampsync_worker.yield_index_build(p_patience interval) IS 'Cancel the build of an index that others wait for, and say who; null if nobody does.';
CREATE TABLE graphile_worker._private_jobs (
    id bigint NOT NULL,
    job_queue_id integer,
    task_id integer NOT NULL,
    payload json DEFAULT '{}'::json NOT NULL,
    priority smallint DEFAULT 0 NOT NULL,
    run_at timestamp with time zone DEFAULT now() NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    max_attempts smallint DEFAULT 25 NOT NULL,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    key text,
    locked_at timestamp with time zone,
    locked_by text,
    revision integer DEFAULT 0 NOT NULL,
    flags jsonb,
    is_available boolean GENERATED ALWAYS AS (((locked_at IS NULL) AND (attempts < max_attempts))) STORED NOT NULL,
    CONSTRAINT jobs_key_check CHECK (((length(key) > 0) AND (length(key) <= 512))),
    CONSTRAINT jobs_max_attempts_check CHECK ((max_attempts >= 1))
);
CREATE FUNCTION graphile_worker.add_job(identifier text, payload json DEFAULT NULL::json, queue_name text DEFAULT NULL::text, run_at timestamp with time zone DEFAULT NULL::timestamp with time zone, max_attempts integer DEFAULT NULL::integer, job_key text DEFAULT NULL::text, priority integer DEFAULT NULL::integer, flags text[] DEFAULT NULL::text[], job_key_mode text DEFAULT 'replace'::text) RETURNS graphile_worker._private_jobs
    LANGUAGE plpgsql
    AS $$
declare
  v_job "graphile_worker"._private_jobs;
begin
  if (job_key is null or job_key_mode is null or job_key_mode in ('replace', 'preserve_run_at')) then
    select * into v_job
    from "graphile_worker".add_jobs(
      ARRAY[(
        identifier,
        payload,
        queue_name,
        run_at,
        max_attempts::smallint,
        job_key,
        priority::smallint,
        flags
      )::"graphile_worker".job_spec],
      (job_key_mode = 'preserve_run_at')
    )
    limit 1;
    return v_job;
  elsif job_key_mode = 'unsafe_dedupe' then
    -- Ensure all the tasks exist (insert only missing identifiers so identity is not consumed)
    insert into "graphile_worker"._private_tasks as tasks (identifier)
    select add_job.identifier
    where not exists (
      select 1
      from "graphile_worker"._private_tasks as existing
      where existing.identifier = add_job.identifier
    )
    on conflict do nothing;
    -- Ensure all the queues exist
    if add_job.queue_name is not null then
      insert into "graphile_worker"._private_job_queues as job_queues (queue_name)
      select add_job.queue_name
      where not exists (
        select 1
        from "graphile_worker"._private_job_queues as existing
        where existing.queue_name = add_job.queue_name
      )
      on conflict do nothing;
    end if;
    -- Insert job, but if one already exists then do nothing, even if the
    -- existing job has already started (and thus represents an out-of-date
    -- world state). This is dangerous because it means that whatever state
    -- change triggered this add_job may not be acted upon (since it happened
    -- after the existing job started executing, but no further job is being
    -- scheduled), but it is useful in very rare circumstances for
    -- de-duplication. If in doubt, DO NOT USE THIS.
    insert into "graphile_worker"._private_jobs as jobs (
      job_queue_id,
      task_id,
      payload,
      run_at,
      max_attempts,
      key,
      priority,
      flags
    )
      select
        job_queues.id,
        tasks.id,
        coalesce(add_job.payload, '{}'::json),
        coalesce(add_job.run_at, now()),
        coalesce(add_job.max_attempts::smallint, 25::smallint),
        add_job.job_key,
        coalesce(add_job.priority::smallint, 0::smallint),
        (
          select jsonb_object_agg(flag, true)
          from unnest(add_job.flags) as item(flag)
        )
      from "graphile_worker"._private_tasks as tasks
      left join "graphile_worker"._private_job_queues as job_queues
      on job_queues.queue_name = add_job.queue_name
      where tasks.identifier = add_job.identifier
    on conflict (key)
      -- Bump the updated_at so that there's something to return
      do update set
        revision = jobs.revision + 1,
        updated_at = now()
      returning *
      into v_job;
    if v_job.revision = 0 then
      perform pg_notify('jobs:insert', '{"r":' || random()::text || ',"count":1}');
    end if;
    return v_job;
  else
    raise exception 'Invalid job_key_mode value, expected ''replace'', ''preserve_run_at'' or ''unsafe_dedupe''.' using errcode = 'GWBKM';
  end if;
end;
$$;
CREATE FUNCTION graphile_worker.add_jobs(specs graphile_worker.job_spec[], job_key_preserve_run_at boolean DEFAULT false) RETURNS SETOF graphile_worker._private_jobs
    LANGUAGE plpgsql
    AS $$
begin
  -- Ensure all the tasks exist (insert only missing identifiers so identity is not consumed)
  insert into "graphile_worker"._private_tasks as tasks (identifier)
  select distinct spec.identifier
  from unnest(specs) spec
  where not exists (
    select 1
    from "graphile_worker"._private_tasks as existing
    where existing.identifier = spec.identifier
  )
  on conflict do nothing;
  -- Ensure all the queues exist
  insert into "graphile_worker"._private_job_queues as job_queues (queue_name)
  select distinct spec.queue_name
  from unnest(specs) spec
  where spec.queue_name is not null
  and not exists (
    select 1
    from "graphile_worker"._private_job_queues as existing
    where existing.queue_name = spec.queue_name
  )
  on conflict do nothing;
  -- Ensure any locked jobs have their key cleared - in the case of locked
  -- existing job create a new job instead as it must have already started
  -- executing (i.e. it's world state is out of date, and the fact add_job
  -- has been called again implies there's new information that needs to be
  -- acted upon).
  update "graphile_worker"._private_jobs as jobs
  set
    key = null,
    attempts = jobs.max_attempts,
    updated_at = now()
  from unnest(specs) spec
  where spec.job_key is not null
  and jobs.key = spec.job_key
  and is_available is not true;
  -- WARNING: this count is not 100% accurate; 'on conflict' clause will cause it to be an overestimate
  perform pg_notify('jobs:insert', '{"r":' || random()::text || ',"count":' || array_length(specs, 1)::text || '}');
  -- TODO: is there a risk that a conflict could occur depending on the
  -- isolation level?
  return query insert into "graphile_worker"._private_jobs as jobs (
    job_queue_id,
    task_id,
    payload,
    run_at,
    max_attempts,
    key,
    priority,
    flags
  )
    select
      job_queues.id,
      tasks.id,
      coalesce(spec.payload, '{}'::json),
      coalesce(spec.run_at, now()),
      coalesce(spec.max_attempts, 25),
      spec.job_key,
      coalesce(spec.priority, 0),
      (
        select jsonb_object_agg(flag, true)
        from unnest(spec.flags) as item(flag)
      )
    from unnest(specs) spec
    inner join "graphile_worker"._private_tasks as tasks
    on tasks.identifier = spec.identifier
    left join "graphile_worker"._private_job_queues as job_queues
    on job_queues.queue_name = spec.queue_name
  on conflict (key) do update set
    job_queue_id = excluded.job_queue_id,
    task_id = excluded.task_id,
    payload =
      case
      when json_typeof(jobs.payload) = 'array' and json_typeof(excluded.payload) = 'array' then
        (jobs.payload::jsonb || excluded.payload::jsonb)::json
      else
        excluded.payload
      end,
    max_attempts = excluded.max_attempts,
    run_at = (case
      when job_key_preserve_run_at is true and jobs.attempts = 0 then jobs.run_at
      else excluded.run_at
    end),
    priority = excluded.priority,
    revision = jobs.revision + 1,
    flags = excluded.flags,
    -- always reset error/retry state
    attempts = 0,
    last_error = null,
    updated_at = now()
  where jobs.locked_at is null
  returning *;
end;
$$;
CREATE FUNCTION graphile_worker.complete_jobs(job_ids bigint[]) RETURNS SETOF graphile_worker._private_jobs
    LANGUAGE sql
    AS $$
  delete from "graphile_worker"._private_jobs as jobs
    where id = any(job_ids)
    and (
      locked_at is null
    or
      locked_at < now() - interval '4 hours'
    )
    returning *;
$$;
CREATE FUNCTION graphile_worker.force_unlock_workers(worker_ids text[]) RETURNS void
    LANGUAGE sql
    AS $$
update "graphile_worker"._private_jobs as jobs
set locked_at = null, locked_by = null
where locked_by = any(worker_ids);
update "graphile_worker"._private_job_queues as job_queues
set locked_at = null, locked_by = null
where locked_by = any(worker_ids);
$$;
CREATE FUNCTION graphile_worker.permanently_fail_jobs(job_ids bigint[], error_message text DEFAULT NULL::text) RETURNS SETOF graphile_worker._private_jobs
    LANGUAGE sql
    AS $$
  update "graphile_worker"._private_jobs as jobs
    set
      last_error = coalesce(error_message, 'Manually marked as failed'),
      attempts = max_attempts,
      updated_at = now()
    where id = any(job_ids)
    and (
      locked_at is null
    or
      locked_at < NOW() - interval '4 hours'
    )
    returning *;
$$;
CREATE FUNCTION graphile_worker.remove_job(job_key text) RETURNS graphile_worker._private_jobs
    LANGUAGE plpgsql STRICT
    AS $$
declare
  v_job "graphile_worker"._private_jobs;
begin
  -- Delete job if not locked
  delete from "graphile_worker"._private_jobs as jobs
    where key = job_key
    and (
      locked_at is null
    or
      locked_at < NOW() - interval '4 hours'
    )
  returning * into v_job;
  if not (v_job is null) then
    perform pg_notify('jobs:insert', '{"r":' || random()::text || ',"count":-1}');
    return v_job;
  end if;
  -- Otherwise prevent job from retrying, and clear the key
  update "graphile_worker"._private_jobs as jobs
  set
    key = null,
    attempts = jobs.max_attempts,
    updated_at = now()
  where key = job_key
  returning * into v_job;
  return v_job;
end;
$$;
CREATE FUNCTION graphile_worker.reschedule_jobs(job_ids bigint[], run_at timestamp with time zone DEFAULT NULL::timestamp with time zone, priority integer DEFAULT NULL::integer, attempts integer DEFAULT NULL::integer, max_attempts integer DEFAULT NULL::integer) RETURNS SETOF graphile_worker._private_jobs
    LANGUAGE sql
    AS $$
  update "graphile_worker"._private_jobs as jobs
    set
      run_at = coalesce(reschedule_jobs.run_at, jobs.run_at),
      priority = coalesce(reschedule_jobs.priority::smallint, jobs.priority),
      attempts = coalesce(reschedule_jobs.attempts::smallint, jobs.attempts),
      max_attempts = coalesce(reschedule_jobs.max_attempts::smallint, jobs.max_attempts),
      updated_at = now()
    where id = any(job_ids)
    and (
      locked_at is null
    or
      locked_at < NOW() - interval '4 hours'
    )
    returning *;
$$;
CREATE VIEW ampsync.checkpoints AS
 SELECT s.table_name,
    s.network,
    s.checkpoint_block AS incremental_block_num,
    s.committed_at AS incremental_updated_at,
    s.checkpoint_block AS watermark_block_num,
    s.checkpoint_hash AS watermark_block_hash,
    s.committed_at AS watermark_updated_at,
    s.committed_at AS updated_at,
    s.target_schema,
    d.label AS dataset,
    s.target_table
   FROM (ampsync_private.stream s
     JOIN ampsync_private.dataset d USING (dataset_id))
  WHERE ((s.checkpoint_block IS NOT NULL) AND (s.shadow_of IS NULL));
COMMENT ON VIEW ampsync.checkpoints IS 'How far each table is durably synced; moves in the transaction of its rows.';
COMMENT ON COLUMN ampsync.checkpoints.table_name IS 'Table of the dataset.';
COMMENT ON COLUMN ampsync.checkpoints.network IS 'Network of the blocks.';
COMMENT ON COLUMN ampsync.checkpoints.incremental_block_num IS 'Highest block whose rows, and all rows before it, are committed.';
COMMENT ON COLUMN ampsync.checkpoints.incremental_updated_at IS 'When that block was committed.';
COMMENT ON COLUMN ampsync.checkpoints.watermark_block_num IS 'End of the last finished microbatch; the stream resumes here.';
COMMENT ON COLUMN ampsync.checkpoints.watermark_block_hash IS 'Hash of that block, 32 bytes.';
COMMENT ON COLUMN ampsync.checkpoints.watermark_updated_at IS 'When that microbatch was committed.';
COMMENT ON COLUMN ampsync.checkpoints.updated_at IS 'The later of both times.';
COMMENT ON COLUMN ampsync.checkpoints.target_schema IS 'Schema of the target table.';
COMMENT ON COLUMN ampsync.checkpoints.dataset IS 'Dataset that feeds the table.';
COMMENT ON COLUMN ampsync.checkpoints.target_table IS 'Name of the table in the target schema.';
CREATE TABLE ampsync_private.event (
    event_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    event text NOT NULL,
    dataset text,
    table_name text,
    stream_id bigint,
    details jsonb NOT NULL,
    actor text
);
COMMENT ON TABLE ampsync_private.event IS 'The journal: reorgs, takeovers, errors and state changes, in order.';
CREATE VIEW ampsync.events AS
 SELECT e.event_id,
    e.at,
    e.event,
    e.dataset,
    e.table_name,
    e.details,
    e.actor
   FROM ampsync_private.event e;
COMMENT ON VIEW ampsync.events IS 'The journal: reorgs, takeovers, errors and state changes.';
COMMENT ON COLUMN ampsync.events.event_id IS 'Rises with time.';
COMMENT ON COLUMN ampsync.events.at IS 'When the event happened or, with repeated, happened last; by the clock of the database.';
COMMENT ON COLUMN ampsync.events.event IS 'What happened.';
COMMENT ON COLUMN ampsync.events.dataset IS 'Dataset concerned; null if there is none.';
COMMENT ON COLUMN ampsync.events.table_name IS 'Table concerned; null if there is none.';
COMMENT ON COLUMN ampsync.events.details IS 'The values; repeated: how many more events of the same minute this row stands for.';
COMMENT ON COLUMN ampsync.events.actor IS 'The role that caused it: that of the caller of a function, or of the worker; null before it was recorded.';
CREATE TABLE ampsync_private.retention (
    only_row boolean DEFAULT true NOT NULL,
    event_age interval DEFAULT '30 days'::interval NOT NULL,
    event_rows bigint DEFAULT 1000000 NOT NULL,
    former_age interval DEFAULT '7 days'::interval NOT NULL,
    CONSTRAINT retention_event_age_check CHECK ((event_age >= '1 day'::interval)),
    CONSTRAINT retention_event_rows_check CHECK ((event_rows >= 10000)),
    CONSTRAINT retention_former_age_check CHECK ((former_age >= '00:00:00'::interval)),
    CONSTRAINT retention_only_row_check CHECK (only_row)
);
COMMENT ON TABLE ampsync_private.retention IS 'How long events and former tables are kept, and how many events: one row, changed by ampsync.set_retention.';
CREATE VIEW ampsync.former_tables AS
 SELECT d.label AS dataset,
    s.table_name,
    format('%I.%I'::text, n.nspname, c.relname) AS former_table,
    COALESCE(s.version, s.manifest_hash) AS version,
    s.checkpoint_block AS block,
    s.row_total AS rows,
    f.replaced_at,
    (f.replaced_at + r.former_age) AS kept_until,
    format('select ampsync.rollback_version(%L);'::text, d.label) AS hint
   FROM (((((ampsync_private.former f
     JOIN ampsync_private.dataset d USING (dataset_id))
     JOIN ampsync_private.stream s ON (((s.dataset_id = f.dataset_id) AND (s.state = 'former'::text))))
     CROSS JOIN ampsync_private.retention r)
     LEFT JOIN pg_class c ON ((c.oid = (s.target)::oid)))
     LEFT JOIN pg_namespace n ON ((n.oid = c.relnamespace)));
COMMENT ON VIEW ampsync.former_tables IS 'The tables that the last upgrade of each dataset replaced, and until when they can be brought back.';
COMMENT ON COLUMN ampsync.former_tables.dataset IS 'Dataset, as it was enqueued.';
COMMENT ON COLUMN ampsync.former_tables.table_name IS 'Table of the dataset.';
COMMENT ON COLUMN ampsync.former_tables.former_table IS 'Table in this database that has the former rows.';
COMMENT ON COLUMN ampsync.former_tables.version IS 'Version that its rows come from.';
COMMENT ON COLUMN ampsync.former_tables.block IS 'Last block that it has.';
COMMENT ON COLUMN ampsync.former_tables.rows IS 'Rows in it.';
COMMENT ON COLUMN ampsync.former_tables.replaced_at IS 'When the upgrade replaced it.';
COMMENT ON COLUMN ampsync.former_tables.kept_until IS 'When it is dropped: see ampsync.set_retention.';
COMMENT ON COLUMN ampsync.former_tables.hint IS 'What brings it back.';
CREATE TABLE ampsync_private.worker (
    worker_id text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    heartbeat_at timestamp with time zone NOT NULL,
    had_lock boolean DEFAULT false NOT NULL,
    lost_at timestamp with time zone,
    host text,
    pid integer,
    version text,
    slots integer
)
WITH (fillfactor='25', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='200', autovacuum_vacuum_cost_delay='0');
COMMENT ON TABLE ampsync_private.worker IS 'The graphile-worker pools that run our tasks, with their last heartbeat.';
CREATE VIEW ampsync.indexes AS
 SELECT d.label AS dataset,
    s.table_name,
    COALESCE((f.relname)::text, t.index_name) AS index,
    COALESCE(
        CASE
            WHEN (f.oid IS NOT NULL) THEN pg_get_indexdef(f.oid)
            ELSE NULL::text
        END, format('CREATE INDEX ON %I.%I USING %s (%s)'::text, s.target_schema, s.target_table, t.method, ampsync_private.index_column_list(t.columns, t.options))) AS definition,
    y.state,
    t.since,
        CASE
            WHEN (y.state = 'building'::text) THEN p.phase
            ELSE NULL::text
        END AS phase,
    y.waits_for,
    t.next_retry,
    (t.error ->> 'code'::text) AS error_code,
    (t.error ->> 'message'::text) AS error,
        CASE
            WHEN (y.state = 'valid'::text) THEN NULL::text
            WHEN (y.waits_for IS NOT NULL) THEN format('select * from pg_stat_activity where pid in (%s);'::text, array_to_string(y.waits_for, ', '::text))
            WHEN (y.state = 'building'::text) THEN 'select * from pg_stat_progress_create_index;'::text
            WHEN (t.error IS NOT NULL) THEN (t.error ->> 'hint'::text)
            WHEN (s.reached_head_at IS NULL) THEN 'It is built once the table has reached the head.'::text
            WHEN ampsync_private.is_halted(s.state) THEN format('The table is %s: select * from ampsync.streams;'::text, s.state)
            WHEN (k.builder IS NOT NULL) THEN 'Indexes are built one at a time: select * from pg_stat_progress_create_index;'::text
            ELSE ampsync_private.idle_hint(w.is_alive)
        END AS hint
   FROM (((((((((ampsync_private.target_index t
     JOIN ampsync_private.stream s USING (stream_id))
     JOIN ampsync_private.dataset d USING (dataset_id))
     LEFT JOIN pg_index i ON (((i.indexrelid = t.index_id) AND (i.indrelid = (s.target)::oid) AND i.indisvalid)))
     LEFT JOIN pg_class f ON ((f.oid = i.indexrelid)))
     CROSS JOIN ( SELECT (EXISTS ( SELECT 1
                   FROM ampsync_private.worker w_1
                  WHERE ((w_1.heartbeat_at > (ampsync_private.now() - ampsync_private.lease_duration())) AND (w_1.lost_at IS NULL)))) AS is_alive) w)
     CROSS JOIN ( SELECT ( SELECT l.pid
                   FROM pg_locks l
                  WHERE ((l.locktype = 'advisory'::text) AND (l.objsubid = 1) AND l.granted AND ((l.classid)::bigint = ((ampsync_private.index_lock_key() >> 32) & '4294967295'::bigint)) AND ((l.objid)::bigint = (ampsync_private.index_lock_key() & '4294967295'::bigint)) AND (l.database = ( SELECT b.oid
                           FROM pg_database b
                          WHERE (b.datname = current_database()))))) AS builder) k)
     LEFT JOIN pg_stat_progress_create_index p ON ((p.pid = k.builder)))
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN (f.oid IS NOT NULL) THEN 'valid'::text
                    WHEN ((t.state = 'building'::text) AND ((t.builder_pid = k.builder) OR pg_is_in_recovery())) THEN 'building'::text
                    WHEN (t.state = ANY (ARRAY['valid'::text, 'building'::text])) THEN 'waiting'::text
                    ELSE t.state
                END AS state) z)
     CROSS JOIN LATERAL ( SELECT z.state,
                CASE
                    WHEN (z.state = 'building'::text) THEN NULLIF(pg_blocking_pids(k.builder), '{}'::integer[])
                    ELSE NULL::integer[]
                END AS waits_for) y)
UNION ALL
 SELECT d.label AS dataset,
    e.table_name,
    NULL::text AS index,
    format('CREATE INDEX ON %I.%I USING btree (%s)'::text, d.target_schema, COALESCE((d.rename ->> e.table_name), e.table_name), c.columns) AS definition,
        CASE
            WHEN e.is_unknown THEN 'failed'::text
            ELSE 'waiting'::text
        END AS state,
    d.since,
    NULL::text AS phase,
    NULL::integer[] AS waits_for,
    NULL::timestamp with time zone AS next_retry,
        CASE
            WHEN e.is_unknown THEN 'SY004'::text
            ELSE NULL::text
        END AS error_code,
        CASE
            WHEN e.is_unknown THEN format('table %s is not synced'::text, e.table_name)
            ELSE NULL::text
        END AS error,
        CASE
            WHEN e.is_unknown THEN format('select ampsync.enqueue_sync(%L, indexes => %L);'::text, d.label, ((d.indexes - e.table_name))::text)
            ELSE format('The table is not there yet: select * from ampsync.status where dataset = %L;'::text, d.label)
        END AS hint
   FROM (((ampsync_private.dataset d
     CROSS JOIN LATERAL ( SELECT m.key AS table_name,
            m.value AS indexes,
            ((d.state = 'active'::text) AND (m.key <> ALL (COALESCE(d.tables, d.resolved_tables)))) AS is_unknown
           FROM jsonb_each(d.indexes) m(key, value)
          WHERE (NOT (EXISTS ( SELECT 1
                   FROM (ampsync_private.stream s
                     JOIN ampsync_private.target_index t USING (stream_id))
                  WHERE ((s.dataset_id = d.dataset_id) AND (s.table_name = m.key)))))) e)
     CROSS JOIN LATERAL jsonb_array_elements(e.indexes) i(columns))
     CROSS JOIN LATERAL ( SELECT ampsync_private.index_column_list(array_agg(p.column_name ORDER BY n."position"), array_agg(p.options ORDER BY n."position")) AS columns
           FROM (jsonb_array_elements_text(i.columns) WITH ORDINALITY n(text, "position")
             CROSS JOIN LATERAL ampsync_private.parse_index_column(n.text) p(column_name, options))) c);
COMMENT ON VIEW ampsync.indexes IS 'The indexes that targets have or get beside their primary key: what became of each, and why.';
COMMENT ON COLUMN ampsync.indexes.dataset IS 'Dataset, as it was enqueued.';
COMMENT ON COLUMN ampsync.indexes.table_name IS 'Table of the dataset.';
COMMENT ON COLUMN ampsync.indexes.index IS 'Name of the index in the schema of the table; null before it is chosen.';
COMMENT ON COLUMN ampsync.indexes.definition IS 'What is there, as PostgreSQL prints it, or what will be made.';
COMMENT ON COLUMN ampsync.indexes.state IS 'waiting, building, valid, or failed: until ampsync.enqueue_sync is called.';
COMMENT ON COLUMN ampsync.indexes.since IS 'When it entered this state.';
COMMENT ON COLUMN ampsync.indexes.phase IS 'What its build does: phase of pg_stat_progress_create_index.';
COMMENT ON COLUMN ampsync.indexes.waits_for IS 'Process ids of the sessions whose transactions or locks its build waits for.';
COMMENT ON COLUMN ampsync.indexes.next_retry IS 'When the next retry is due.';
COMMENT ON COLUMN ampsync.indexes.error_code IS 'SQLSTATE of what kept it from being built last.';
COMMENT ON COLUMN ampsync.indexes.error IS 'What kept it from being built last.';
COMMENT ON COLUMN ampsync.indexes.hint IS 'What to do.';
CREATE TABLE graphile_worker._private_job_queues (
    id integer NOT NULL,
    queue_name text NOT NULL,
    locked_at timestamp with time zone,
    locked_by text,
    is_available boolean GENERATED ALWAYS AS ((locked_at IS NULL)) STORED NOT NULL,
    CONSTRAINT job_queues_queue_name_check CHECK ((length(queue_name) <= 128))
);
CREATE TABLE graphile_worker._private_tasks (
    id integer NOT NULL,
    identifier text NOT NULL,
    CONSTRAINT tasks_identifier_check CHECK ((length(identifier) <= 128))
);
CREATE VIEW graphile_worker.jobs AS
 SELECT jobs.id,
    job_queues.queue_name,
    tasks.identifier AS task_identifier,
    jobs.priority,
    jobs.run_at,
    jobs.attempts,
    jobs.max_attempts,
    jobs.last_error,
    jobs.created_at,
    jobs.updated_at,
    jobs.key,
    jobs.locked_at,
    jobs.locked_by,
    jobs.revision,
    jobs.flags
   FROM ((graphile_worker._private_jobs jobs
     JOIN graphile_worker._private_tasks tasks ON ((tasks.id = jobs.task_id)))
     LEFT JOIN graphile_worker._private_job_queues job_queues ON ((job_queues.id = jobs.job_queue_id)));
CREATE VIEW ampsync.jobs AS
 SELECT j.id AS job_id,
    j.task_identifier AS task,
    d.label AS dataset,
    s.table_name,
        CASE
            WHEN (j.locked_at IS NOT NULL) THEN 'running'::text
            WHEN (j.attempts >= j.max_attempts) THEN 'exhausted'::text
            WHEN (j.run_at > ampsync_private.now()) THEN 'scheduled'::text
            ELSE 'ready'::text
        END AS state,
    j.run_at,
    j.locked_by AS worker,
    j.locked_at AS running_since,
    j.attempts,
    j.last_error
   FROM (((graphile_worker.jobs j
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN (j.key ~ '^ampsync_(stream|swap|index):\d{1,18}$'::text) THEN (split_part(j.key, ':'::text, 2))::bigint
                    ELSE NULL::bigint
                END AS stream_id,
                CASE
                    WHEN (j.key ~ '^ampsync_(resolve|reload|poll|upgrade):\d{1,18}$'::text) THEN (split_part(j.key, ':'::text, 2))::bigint
                    ELSE NULL::bigint
                END AS dataset_id) k)
     LEFT JOIN ampsync_private.stream s ON ((s.stream_id = k.stream_id)))
     LEFT JOIN ampsync_private.dataset d ON ((d.dataset_id = COALESCE(s.dataset_id, k.dataset_id))))
  WHERE starts_with(j.task_identifier, 'ampsync_'::text);
COMMENT ON VIEW ampsync.jobs IS 'The jobs of ampsync in graphile-worker''s queue, joined to the streams they move.';
COMMENT ON COLUMN ampsync.jobs.job_id IS 'Id of the job in graphile_worker.jobs.';
COMMENT ON COLUMN ampsync.jobs.task IS 'ampsync_stream moves a stream, ampsync_swap ends a resync, ampsync_upgrade moves an upgrade on, ampsync_index builds indexes, ampsync_resolve looks up a dataset, ampsync_poll looks for a new version of it, ampsync_reload takes over a new version of it, ampsync_supervise frees and queues what was lost.';
COMMENT ON COLUMN ampsync.jobs.dataset IS 'Dataset that the job works for.';
COMMENT ON COLUMN ampsync.jobs.table_name IS 'Table that the job works for.';
COMMENT ON COLUMN ampsync.jobs.state IS 'running, ready, scheduled, or exhausted (the supervisor queues a new one).';
COMMENT ON COLUMN ampsync.jobs.run_at IS 'When the job is, or was, due.';
COMMENT ON COLUMN ampsync.jobs.worker IS 'Worker that runs it.';
COMMENT ON COLUMN ampsync.jobs.running_since IS 'When it started to run.';
COMMENT ON COLUMN ampsync.jobs.attempts IS 'How often it was started.';
COMMENT ON COLUMN ampsync.jobs.last_error IS 'Why it failed last, outside of ampsync''s own error handling.';
CREATE TABLE ampsync_private.head (
    dataset_id bigint NOT NULL,
    network text NOT NULL,
    block bigint NOT NULL,
    reported_at timestamp with time zone NOT NULL
)
WITH (fillfactor='25', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='200', autovacuum_vacuum_cost_delay='0');
COMMENT ON TABLE ampsync_private.head IS 'The last block that the server is known to have, per dataset and network, as heartbeats report it.';
CREATE TABLE ampsync_private.reject (
    reject_id bigint NOT NULL,
    stream_id bigint NOT NULL,
    block bigint NOT NULL,
    row_number bigint NOT NULL,
    column_name text,
    sqlstate text NOT NULL,
    reason text NOT NULL,
    row_values jsonb,
    rejected_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE ampsync_private.reject IS 'Rows that PostgreSQL cannot hold, set aside by value_policy quarantine.';
CREATE VIEW ampsync.streams AS
 WITH clock AS (
         SELECT ampsync_private.now() AS now
        ), worker AS (
         SELECT w_1.worker_id,
            w_1.heartbeat_at,
            ((k_1.key IS NOT NULL) OR pg_is_in_recovery()) AS is_connected
           FROM ((clock c_1
             JOIN ampsync_private.worker w_1 ON (((w_1.heartbeat_at > (c_1.now - ampsync_private.lease_duration())) AND (w_1.lost_at IS NULL))))
             LEFT JOIN ( SELECT DISTINCT (((k_2.classid)::bigint << 32) | (k_2.objid)::bigint) AS key
                   FROM pg_locks k_2
                  WHERE ((k_2.locktype = 'advisory'::text) AND (k_2.objsubid = 1) AND k_2.granted AND (k_2.mode = 'ShareLock'::text))) k_1 ON ((k_1.key = ampsync_private.worker_key(w_1.worker_id))))
        ), head AS (
         SELECT e_1.dataset_id,
            e_1.network,
            e_1.block,
            e_1.reported_at,
            (e_1.reported_at > (c_1.now - '00:00:12'::interval)) AS is_known,
            (count(*) OVER (PARTITION BY e_1.dataset_id) = 1) AS is_only
           FROM ampsync_private.head e_1,
            clock c_1
        ), ready AS (
         SELECT j.key,
            (row_number() OVER (ORDER BY j.priority, j.run_at, j.id) - 1) AS before
           FROM graphile_worker.jobs j,
            clock c_1
          WHERE ((j.locked_at IS NULL) AND (j.attempts < j.max_attempts) AND (j.run_at <= c_1.now) AND (j.task_identifier ~~ 'ampsync\_%'::text))
        )
 SELECT d.label AS dataset,
    s.table_name,
        CASE
            WHEN ((s.state = 'live'::text) AND i.idle AND COALESCE(((h.head - s.checkpoint_block) > 10), true)) THEN 'backfill'::text
            ELSE s.state
        END AS state,
    s.checkpoint_block AS block,
        CASE
            WHEN (h.head >= s.checkpoint_block) THEN (h.head - s.checkpoint_block)
            ELSE NULL::bigint
        END AS behind,
    (round((l.rows_per_s)::numeric, 1))::double precision AS rows_per_s,
    (COALESCE(m.swap_error, m.error) ->> 'code'::text) AS error_code,
        CASE
            WHEN (m.shadow_of IS NULL) THEN COALESCE(y.reason, (m.error ->> 'message'::text), y.idle_reason)
            ELSE ('resync: '::text || COALESCE(y.reason, (m.error ->> 'message'::text), ('the rows cannot be merged yet: '::text || (m.swap_error ->> 'message'::text)), concat_ws(', '::text,
            CASE
                WHEN (m.checkpoint_block IS NULL) THEN 'nothing loaded yet'::text
                ELSE format('block %s of %s loaded'::text, m.checkpoint_block, s.checkpoint_block)
            END, y.idle_reason)))
        END AS reason,
        CASE
            WHEN (y.reason IS NOT NULL) THEN y.hint
            WHEN ((m.shadow_of IS NOT NULL) AND (m.state = 'failed'::text)) THEN (format('select ampsync.resume_sync(%L); -- or give up: '::text, d.label) ||
            CASE
                WHEN (u.dataset_id IS NULL) THEN format('select ampsync.cancel_resync(%L, %L);'::text, d.label, s.table_name)
                ELSE format('select ampsync.cancel_resync(%L);'::text, d.label)
            END)
            WHEN (COALESCE(m.error, m.swap_error) IS NOT NULL) THEN (COALESCE(m.error, m.swap_error) ->> 'hint'::text)
            ELSE y.idle_hint
        END AS hint,
    COALESCE(m.next_retry, m.swap_retry) AS next_retry,
    GREATEST(m.attempts, m.swap_attempts) AS attempts,
        CASE
            WHEN ((m.shadow_of IS NULL) OR (m.state <> 'failed'::text)) THEN (COALESCE(m.error, m.swap_error) ->> 'detail'::text)
            ELSE concat_ws(' '::text, (m.error ->> 'detail'::text), ('Hint: '::text || (m.error ->> 'hint'::text)))
        END AS detail,
    s.since,
    date_trunc('second'::text, (c.now - s.block_time)) AS lag,
    h.head,
    s.row_total AS rows,
    format('%I.%I'::text, s.target_schema, s.target_table) AS target,
    s.network,
    s.from_block,
    s.committed_at,
    s.rewrites,
    ( SELECT count(*) AS count
           FROM ampsync_private.reject r
          WHERE (r.stream_id = s.stream_id)) AS rejected,
    s.nulled_counts AS nulled,
    s.nul_counts AS nuls,
        CASE
            WHEN (l.lease_until > c.now) THEN l.holder
            ELSE NULL::text
        END AS worker,
    l.lease_until,
    s.stream_id
   FROM (((((((((((((ampsync_private.stream s
     CROSS JOIN clock c)
     JOIN ampsync_private.dataset d USING (dataset_id))
     LEFT JOIN ampsync_private.upgrade u ON (((u.dataset_id = s.dataset_id) AND (u.tables IS NOT NULL))))
     LEFT JOIN ampsync_private.stream w ON (((w.shadow_of = s.stream_id) AND (w.state <> 'former'::text) AND ((u.dataset_id IS NULL) OR (s.state = 'resyncing'::text)))))
     JOIN ampsync_private.stream m ON ((m.stream_id = COALESCE(w.stream_id, s.stream_id))))
     JOIN ampsync_private.lease l ON ((l.stream_id = m.stream_id)))
     LEFT JOIN ampsync_private.worker seen ON ((seen.worker_id = l.holder)))
     LEFT JOIN worker k ON ((k.worker_id = l.holder)))
     LEFT JOIN ready q ON ((q.key = ('ampsync_stream:'::text || m.stream_id))))
     CROSS JOIN LATERAL ( SELECT COALESCE((l.lease_until <= c.now), true) AS is_free,
            (COALESCE((l.lease_until <= c.now), true) OR ((seen.worker_id IS NOT NULL) AND ((k.worker_id IS NULL) OR (NOT k.is_connected) OR (k.heartbeat_at < (c.now - '00:00:12'::interval))))) AS idle) i)
     LEFT JOIN head e ON (((e.dataset_id = s.dataset_id) AND e.is_known AND ((e.network = s.network) OR ((s.network IS NULL) AND e.is_only)))))
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN (s.committed_at > e.reported_at) THEN GREATEST(e.block, s.checkpoint_block)
                    ELSE e.block
                END AS head) h)
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN (NOT i.idle) THEN l.waits_for
                    ELSE NULL::text
                END AS reason,
                CASE
                    WHEN (NOT i.idle) THEN l.waits_hint
                    ELSE NULL::text
                END AS hint,
                CASE
                    WHEN ((NOT i.idle) OR ampsync_private.is_halted(m.state)) THEN NULL::text
                    WHEN ((NOT i.is_free) AND (NOT COALESCE(k.is_connected, false))) THEN format('its worker %s is gone; another one takes over within %s s'::text, l.holder,
                    CASE
                        WHEN seen.had_lock THEN (3)::numeric
                        ELSE (ceil(EXTRACT(epoch FROM (l.lease_until - c.now))) + (6)::numeric)
                    END)
                    WHEN (NOT i.is_free) THEN format('its worker %s has sent no heartbeat for %s s'::text, l.holder, round(EXTRACT(epoch FROM (c.now - k.heartbeat_at))))
                    WHEN (NOT (EXISTS ( SELECT 1
                       FROM worker))) THEN 'no worker holds this stream'::text
                    WHEN (q.key IS NOT NULL) THEN format('waits for a slot, behind %s other jobs'::text, q.before)
                    ELSE 'no worker holds this stream'::text
                END AS idle_reason,
                CASE
                    WHEN ((NOT i.idle) OR ampsync_private.is_halted(m.state)) THEN NULL::text
                    WHEN (i.is_free OR (NOT (EXISTS ( SELECT 1
                       FROM worker)))) THEN ampsync_private.idle_hint((EXISTS ( SELECT 1
                       FROM worker)))
                    ELSE 'select * from ampsync.jobs;'::text
                END AS idle_hint) y)
  WHERE (s.shadow_of IS NULL);
COMMENT ON VIEW ampsync.streams IS 'One row per table: state, position, speed and, if it does not move, why, since when and what to do.';
COMMENT ON COLUMN ampsync.streams.dataset IS 'Dataset, as it was enqueued.';
COMMENT ON COLUMN ampsync.streams.table_name IS 'Table of the dataset.';
COMMENT ON COLUMN ampsync.streams.state IS 'waiting, backfill, live, retrying, reorg_pending, resyncing, paused, failed or orphaned.';
COMMENT ON COLUMN ampsync.streams.block IS 'Last block that is completely and durably here.';
COMMENT ON COLUMN ampsync.streams.behind IS 'Blocks from block to head; null while either is unknown, or if the head is below the block.';
COMMENT ON COLUMN ampsync.streams.rows_per_s IS 'Rows per second since the last heartbeat (5 s).';
COMMENT ON COLUMN ampsync.streams.error_code IS 'SQLSTATE of what keeps it from moving.';
COMMENT ON COLUMN ampsync.streams.reason IS 'What keeps it from moving.';
COMMENT ON COLUMN ampsync.streams.hint IS 'What to do.';
COMMENT ON COLUMN ampsync.streams.next_retry IS 'When the next retry is due.';
COMMENT ON COLUMN ampsync.streams.attempts IS 'Failed attempts since the last commit.';
COMMENT ON COLUMN ampsync.streams.detail IS 'What was found.';
COMMENT ON COLUMN ampsync.streams.since IS 'When it entered this state.';
COMMENT ON COLUMN ampsync.streams.lag IS 'Age of the last block by the chain''s clock, in whole seconds, if the server sends block times.';
COMMENT ON COLUMN ampsync.streams.head IS 'Last block that the server is known to have; null while unknown, and 12 s after the last report of a worker.';
COMMENT ON COLUMN ampsync.streams.rows IS 'Rows in the target.';
COMMENT ON COLUMN ampsync.streams.target IS 'Table in this database.';
COMMENT ON COLUMN ampsync.streams.network IS 'Network of its blocks.';
COMMENT ON COLUMN ampsync.streams.from_block IS 'First block whose rows are loaded.';
COMMENT ON COLUMN ampsync.streams.committed_at IS 'Last commit.';
COMMENT ON COLUMN ampsync.streams.rewrites IS 'How often visible rows were replaced, by a reorg or a resync.';
COMMENT ON COLUMN ampsync.streams.rejected IS 'Rows that are in ampsync.rejects instead of the target: value_policy quarantine.';
COMMENT ON COLUMN ampsync.streams.nulled IS 'By column, how many values became NULL because PostgreSQL cannot hold them: value_policy null. Counts everything ever loaded; a resync starts from zero.';
COMMENT ON COLUMN ampsync.streams.nuls IS 'By column, in how many texts U+0000 was replaced or stripped: nul_policy. Counts as nulled does.';
COMMENT ON COLUMN ampsync.streams.worker IS 'Worker that holds its lease.';
COMMENT ON COLUMN ampsync.streams.lease_until IS 'When that lease expires unless a heartbeat renews it.';
COMMENT ON COLUMN ampsync.streams.stream_id IS 'Its id in jobs and logs.';
CREATE VIEW ampsync.readiness AS
 WITH clock AS (
         SELECT ampsync_private.now() AS now
        ), alive AS (
         SELECT (EXISTS ( SELECT 1
                   FROM ampsync_private.worker w
                  WHERE (w.heartbeat_at > (c.now - '00:01:00'::interval)))) AS "any"
           FROM clock c
        ), job AS (
         SELECT j.key,
            (j.locked_at IS NULL) AS is_waiting,
            COALESCE(j.locked_at, j.run_at) AS since
           FROM graphile_worker.jobs j
          WHERE (j.task_identifier = ANY (ARRAY['ampsync_stream'::text, 'ampsync_resolve'::text]))
        )
 SELECT v.dataset,
    v.table_name,
    (r.reason IS NULL) AS ready,
    r.reason,
    v.state,
    v.block,
    v.head,
    v.behind,
    v.lag,
    (c.now - m.committed_at) AS age,
    COALESCE((m.error ->> 'code'::text), v.error_code) AS error_code,
        CASE
            WHEN (r.reason IS NOT NULL) THEN COALESCE(v.hint, 'select * from ampsync.doctor();'::text)
            ELSE NULL::text
        END AS hint,
    v.stream_id
   FROM (((((((clock c
     CROSS JOIN alive a)
     CROSS JOIN ampsync.streams v)
     LEFT JOIN ampsync_private.stream w ON (((w.shadow_of = v.stream_id) AND (w.state <> 'former'::text) AND (v.state = 'resyncing'::text))))
     JOIN ampsync_private.stream m ON ((m.stream_id = COALESCE(w.stream_id, v.stream_id))))
     JOIN ampsync_private.lease l ON ((l.stream_id = m.stream_id)))
     LEFT JOIN job j ON ((j.key = ('ampsync_stream:'::text || m.stream_id))))
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN ((v.state = ANY (ARRAY['paused'::text, 'orphaned'::text])) OR (m.state = 'paused'::text)) THEN NULL::text
                    WHEN ((v.state = 'failed'::text) OR (m.state = 'failed'::text)) THEN 'it has failed'::text
                    WHEN (NOT a."any") THEN 'no worker has sent a heartbeat for 60 s'::text
                    WHEN (((m.state = 'retrying'::text) OR ((m.state = 'reorg_pending'::text) AND (m.attempts > 0))) AND (m.since <= (c.now - '00:05:00'::interval))) THEN 'it has been retried for more than 300 s'::text
                    WHEN (COALESCE((l.lease_until <= c.now), true) AND (GREATEST(l.lease_until, l.seen_at, m.since, m.committed_at, j.since) <= (c.now -
                    CASE
                        WHEN j.is_waiting THEN '00:05:00'::interval
                        ELSE '00:01:00'::interval
                    END))) THEN format('no worker has held it for %s s'::text,
                    CASE
                        WHEN j.is_waiting THEN 300
                        ELSE 60
                    END)
                    WHEN ((l.stalled_since <= (c.now - '00:05:00'::interval)) AND COALESCE((m.committed_at <= l.stalled_since), true)) THEN 'nothing was committed for 300 s, though the server holds or has sent more'::text
                    ELSE NULL::text
                END AS reason) r)
UNION ALL
 SELECT d.label AS dataset,
    NULL::text AS table_name,
    (r.reason IS NULL) AS ready,
    r.reason,
    d.state,
    NULL::bigint AS block,
    NULL::bigint AS head,
    NULL::bigint AS behind,
    NULL::interval AS lag,
    NULL::interval AS age,
    (d.error ->> 'code'::text) AS error_code,
        CASE
            WHEN (r.reason IS NOT NULL) THEN COALESCE((d.error ->> 'hint'::text), 'select * from ampsync.doctor();'::text)
            ELSE NULL::text
        END AS hint,
    NULL::bigint AS stream_id
   FROM ((((clock c
     CROSS JOIN alive a)
     CROSS JOIN ampsync_private.dataset d)
     LEFT JOIN job j ON ((j.key = ('ampsync_resolve:'::text || d.dataset_id))))
     CROSS JOIN LATERAL ( SELECT
                CASE
                    WHEN (d.state = 'paused'::text) THEN NULL::text
                    WHEN (d.state = 'failed'::text) THEN 'it has failed'::text
                    WHEN (NOT a."any") THEN 'no worker has sent a heartbeat for 60 s'::text
                    WHEN (j.is_waiting AND (j.since <= (c.now - '00:01:00'::interval))) THEN 'no worker has looked for it for 60 s'::text
                    WHEN ((NOT j.is_waiting) AND (j.since <= (c.now - '00:05:00'::interval))) THEN 'its look-up has run for more than 300 s'::text
                    WHEN ((d.state = 'waiting'::text) AND (((d.error ->> 'failing_since'::text))::timestamp with time zone <= (c.now - '00:05:00'::interval)) AND COALESCE((((d.error ->> 'absent_since'::text))::timestamp with time zone > (c.now - '00:01:00'::interval)), true)) THEN 'its look-up has failed for more than 300 s'::text
                    ELSE NULL::text
                END AS reason) r)
  WHERE ((d.state = ANY (ARRAY['failed'::text, 'waiting'::text])) OR (NOT (EXISTS ( SELECT 1
           FROM ampsync_private.stream s
          WHERE (s.dataset_id = d.dataset_id)))));
COMMENT ON VIEW ampsync.readiness IS 'One row per table: whether it moves as it should, and if not, why and what to do; what /readyz of a worker says.';
COMMENT ON COLUMN ampsync.readiness.dataset IS 'Dataset, as it was enqueued.';
COMMENT ON COLUMN ampsync.readiness.table_name IS 'Table of the dataset; null for a dataset that has no tables yet, is looked up, or has failed.';
COMMENT ON COLUMN ampsync.readiness.ready IS 'Whether it moves as it should, or rests because it shall.';
COMMENT ON COLUMN ampsync.readiness.reason IS 'Why it is not ready.';
COMMENT ON COLUMN ampsync.readiness.state IS 'Its state, as in ampsync.streams.';
COMMENT ON COLUMN ampsync.readiness.block IS 'Last block that is completely and durably here.';
COMMENT ON COLUMN ampsync.readiness.head IS 'Last block that the server is known to have, as in ampsync.streams.';
COMMENT ON COLUMN ampsync.readiness.behind IS 'Blocks from block to head, as in ampsync.streams.';
COMMENT ON COLUMN ampsync.readiness.lag IS 'Age of the last block by the chain''s clock.';
COMMENT ON COLUMN ampsync.readiness.age IS 'Time since the last commit.';
COMMENT ON COLUMN ampsync.readiness.error_code IS 'SQLSTATE of what keeps it from moving.';
COMMENT ON COLUMN ampsync.readiness.hint IS 'What to do if it is not ready.';
COMMENT ON COLUMN ampsync.readiness.stream_id IS 'Its id in jobs and logs.';
CREATE VIEW ampsync.workers AS
 SELECT w.host,
    w.pid,
    w.version,
        CASE
            WHEN ((w.heartbeat_at > (ampsync_private.now() - ampsync_private.lease_duration())) AND (w.lost_at IS NULL)) THEN 'alive'::text
            ELSE 'gone'::text
        END AS state,
    p.running AS slots_used,
    w.slots,
    l.streams,
    w.heartbeat_at,
    w.started_at,
    w.worker_id AS worker
   FROM ((ampsync_private.worker w
     CROSS JOIN LATERAL ( SELECT count(*) AS running
           FROM graphile_worker.jobs j
          WHERE ((j.locked_by = w.worker_id) AND (j.task_identifier = 'ampsync_stream'::text))) p)
     CROSS JOIN LATERAL ( SELECT count(*) AS streams
           FROM ampsync_private.lease h
          WHERE ((h.holder = w.worker_id) AND (h.lease_until > ampsync_private.now()))) l);
COMMENT ON VIEW ampsync.workers IS 'One row per worker that sent a heartbeat within the last day.';
COMMENT ON COLUMN ampsync.workers.host IS 'Name of the machine or container it runs on.';
COMMENT ON COLUMN ampsync.workers.pid IS 'Its process id there.';
COMMENT ON COLUMN ampsync.workers.version IS 'Version of ampsync that it runs; that of the database: ampsync.version().';
COMMENT ON COLUMN ampsync.workers.state IS 'alive, or gone: its connections are closed, or it sent no heartbeat for as long as a lease lasts.';
COMMENT ON COLUMN ampsync.workers.slots_used IS 'Passes it is running, those included that wait for the lease of their stream.';
COMMENT ON COLUMN ampsync.workers.slots IS 'Most streams it takes at once; short jobs have slots of their own. 0: it was told to stop. Null: it has not said that yet.';
COMMENT ON COLUMN ampsync.workers.streams IS 'Streams it holds.';
COMMENT ON COLUMN ampsync.workers.heartbeat_at IS 'Its last heartbeat; every 5 s while it is alive.';
COMMENT ON COLUMN ampsync.workers.started_at IS 'When it started.';
COMMENT ON COLUMN ampsync.workers.worker IS 'Its id, as in ampsync.streams and ampsync.jobs.';
CREATE VIEW ampsync.metrics AS
 WITH clock AS (
         SELECT ampsync_private.now() AS now
        ), stream AS MATERIALIZED (
         SELECT r.dataset,
            r.table_name,
            r.ready,
            r.state,
            r.behind,
            r.lag,
            s.checkpoint_block,
            s.committed_at,
            s.row_total,
            s.attempts,
            s.reorgs,
            l.takeovers,
            jsonb_strip_nulls(jsonb_build_object('dataset', r.dataset, 'table', r.table_name)) AS labels
           FROM ((ampsync.readiness r
             LEFT JOIN ampsync_private.stream s USING (stream_id))
             LEFT JOIN ampsync_private.lease l USING (stream_id))
        ), job AS MATERIALIZED (
         SELECT j.task,
            j.state,
            j.run_at
           FROM ampsync.jobs j
        )
 SELECT m.metric,
    m.type,
    (s.labels || m.labels) AS labels,
    m.value,
    m.help
   FROM (stream s
     CROSS JOIN LATERAL ( VALUES ('ampsync_ready'::text,'gauge'::text,'{}'::jsonb,((s.ready)::integer)::double precision,'Whether a table moves as it should: ampsync.readiness'::text), ('ampsync_checkpoint_block'::text,'gauge'::text,'{}'::jsonb,(s.checkpoint_block)::double precision,'Last block that is completely and durably here'::text), ('ampsync_lag_blocks'::text,'gauge'::text,'{}'::jsonb,(s.behind)::double precision,'Blocks that a table is behind the head; absent while either is unknown'::text), ('ampsync_lag_seconds'::text,'gauge'::text,'{}'::jsonb,(EXTRACT(epoch FROM s.lag))::double precision,'Age of the last block by the clock of the chain; absent if the server sends no block times'::text), ('ampsync_last_progress_timestamp_seconds'::text,'gauge'::text,'{}'::jsonb,(EXTRACT(epoch FROM s.committed_at))::double precision,'Time of the last commit'::text), ('ampsync_rows'::text,'gauge'::text,'{}'::jsonb,(s.row_total)::double precision,'Rows in a table'::text), ('ampsync_failed_attempts'::text,'gauge'::text,'{}'::jsonb,(s.attempts)::double precision,'Failed attempts since the last commit'::text), ('ampsync_reorgs_total'::text,'counter'::text,'{"depth": "1"}'::jsonb,(s.reorgs[1])::double precision,'Reorgs whose blocks were replaced, by depth in blocks'::text), ('ampsync_reorgs_total'::text,'counter'::text,'{"depth": "2-10"}'::jsonb,(s.reorgs[2])::double precision,'Reorgs whose blocks were replaced, by depth in blocks'::text), ('ampsync_reorgs_total'::text,'counter'::text,'{"depth": "11-64"}'::jsonb,(s.reorgs[3])::double precision,'Reorgs whose blocks were replaced, by depth in blocks'::text), ('ampsync_reorgs_total'::text,'counter'::text,'{"depth": "65+"}'::jsonb,(s.reorgs[4])::double precision,'Reorgs whose blocks were replaced, by depth in blocks'::text), ('ampsync_lease_takeovers_total'::text,'counter'::text,'{}'::jsonb,(s.takeovers)::double precision,'Times that a worker took a table over from one that was dead or silent'::text)) m(metric, type, labels, value, help))
  WHERE (m.value IS NOT NULL)
UNION ALL
 SELECT 'ampsync_streams'::text AS metric,
    'gauge'::text AS type,
    jsonb_build_object('state', t.state) AS labels,
    (( SELECT count(*) AS count
           FROM stream s
          WHERE ((s.table_name IS NOT NULL) AND (s.state = t.state))))::double precision AS value,
    'Tables by state'::text AS help
   FROM unnest('{waiting,backfill,live,retrying,reorg_pending,resyncing,paused,failed,orphaned}'::text[]) t(state)
UNION ALL
 SELECT 'ampsync_queue_jobs'::text AS metric,
    'gauge'::text AS type,
    jsonb_build_object('state', t.state) AS labels,
    (( SELECT count(*) AS count
           FROM job j
          WHERE (j.state = t.state)))::double precision AS value,
    'Jobs of ampsync by state'::text AS help
   FROM unnest('{ready,running,scheduled,exhausted}'::text[]) t(state)
UNION ALL
 SELECT 'ampsync_queue_age_seconds'::text AS metric,
    'gauge'::text AS type,
    jsonb_build_object('task', j.task) AS labels,
    (COALESCE(EXTRACT(epoch FROM (c.now - min(j.run_at) FILTER (WHERE (j.state = 'ready'::text)))), (0)::numeric))::double precision AS value,
    'How long the oldest job of a task has been due without being started'::text AS help
   FROM job j,
    clock c
  GROUP BY j.task, c.now
UNION ALL
 SELECT 'ampsync_workers'::text AS metric,
    'gauge'::text AS type,
    jsonb_build_object('state', t.state) AS labels,
    (( SELECT count(*) AS count
           FROM ampsync.workers w
          WHERE (w.state = t.state)))::double precision AS value,
    'Workers that sent a heartbeat within the last day'::text AS help
   FROM unnest('{alive,gone}'::text[]) t(state)
UNION ALL
 SELECT 'ampsync_worker_heartbeat_age_seconds'::text AS metric,
    'gauge'::text AS type,
    '{}'::jsonb AS labels,
    (EXTRACT(epoch FROM (c.now - max(w.heartbeat_at))))::double precision AS value,
    'Age of the newest heartbeat of any worker'::text AS help
   FROM ampsync_private.worker w,
    clock c
  GROUP BY c.now
 HAVING (max(w.heartbeat_at) IS NOT NULL);
COMMENT ON VIEW ampsync.metrics IS 'What the database knows, as metrics for Prometheus: one row per metric and labels. docs/metrics.md has each.';
COMMENT ON COLUMN ampsync.metrics.metric IS 'Its name.';
COMMENT ON COLUMN ampsync.metrics.type IS 'gauge or counter.';
COMMENT ON COLUMN ampsync.metrics.labels IS 'Its labels, such as dataset and table.';
COMMENT ON COLUMN ampsync.metrics.value IS 'Its value; times are seconds since 1970.';
COMMENT ON COLUMN ampsync.metrics.help IS 'What it means.';
CREATE VIEW ampsync.progress AS
 SELECT v.dataset,
    v.table_name,
    v.target,
        CASE
            WHEN ((w.stream_id IS NOT NULL) AND (v.state <> 'resyncing'::text)) THEN 'upgrading'::text
            ELSE v.state
        END AS phase,
    m.checkpoint_block AS block,
    v.head,
        CASE
            WHEN (f.first IS NOT NULL) THEN GREATEST(((m.checkpoint_block - f.first) + 1), (0)::bigint)
            ELSE NULL::bigint
        END AS blocks_done,
        CASE
            WHEN ((v.head >= m.checkpoint_block) AND (f.first IS NOT NULL)) THEN GREATEST(((v.head - f.first) + 1), (0)::bigint)
            ELSE NULL::bigint
        END AS blocks_total,
    m.row_total AS rows,
    z.bytes,
    v.rows_per_s,
    t.started,
    t.elapsed,
    (c.now +
        CASE
            WHEN ((m.state = 'backfill'::text) AND (v.head >= m.checkpoint_block) AND (m.checkpoint_block >= m.from_block) AND (t.blocks > 0)) THEN (t.elapsed * (((v.head - m.checkpoint_block))::double precision / (t.blocks)::double precision))
            ELSE NULL::interval
        END) AS eta,
    v.stream_id
   FROM ((((((ampsync.streams v
     CROSS JOIN LATERAL ( SELECT ampsync_private.now() AS now) c)
     LEFT JOIN ampsync_private.stream w ON (((w.shadow_of = v.stream_id) AND (w.state <> 'former'::text))))
     JOIN ampsync_private.stream m ON ((m.stream_id = COALESCE(w.stream_id, v.stream_id))))
     CROSS JOIN LATERAL ( SELECT (m.origin + GREATEST((m.from_block - m.origin), (0)::bigint)) AS first) f)
     LEFT JOIN LATERAL ( SELECT (NULLIF(((k.relpages)::bigint + COALESCE(o.relpages, 0)), 0) * (current_setting('block_size'::text))::bigint) AS bytes
           FROM (pg_class k
             LEFT JOIN pg_class o ON ((o.oid = k.reltoastrelid)))
          WHERE (k.oid = (m.target)::oid)) z ON (true))
     LEFT JOIN LATERAL ( SELECT m.load_started AS started,
            GREATEST((c.now - m.load_started), '00:00:00'::interval) AS elapsed,
            (m.checkpoint_block - COALESCE(m.load_from, (m.origin - 1))) AS blocks
          WHERE ((m.load_started IS NOT NULL) AND (NOT ampsync_private.is_halted(m.state)))) t ON (true));
COMMENT ON VIEW ampsync.progress IS 'One row per table: how far its load is and when it will be over. During a resync or an upgrade: of the new rows.';
COMMENT ON COLUMN ampsync.progress.dataset IS 'Dataset, as it was enqueued.';
COMMENT ON COLUMN ampsync.progress.table_name IS 'Table of the dataset.';
COMMENT ON COLUMN ampsync.progress.target IS 'Table in this database.';
COMMENT ON COLUMN ampsync.progress.phase IS 'Its state, as in ampsync.streams; upgrading while another version is built beside it.';
COMMENT ON COLUMN ampsync.progress.block IS 'Last block that is loaded.';
COMMENT ON COLUMN ampsync.progress.head IS 'Last block that the server is known to have, as in ampsync.streams.';
COMMENT ON COLUMN ampsync.progress.blocks_done IS 'Blocks from the first one that is loaded (see from_block) to block.';
COMMENT ON COLUMN ampsync.progress.blocks_total IS 'Blocks from the first one that is loaded to head; null while either is unknown, or if it is below the block.';
COMMENT ON COLUMN ampsync.progress.rows IS 'Rows that are loaded.';
COMMENT ON COLUMN ampsync.progress.bytes IS 'Size of the rows in the database, without indexes, when VACUUM or ANALYZE last counted it; null before.';
COMMENT ON COLUMN ampsync.progress.rows_per_s IS 'Rows per second since the last heartbeat (5 s).';
COMMENT ON COLUMN ampsync.progress.started IS 'When this load began, fell behind the head or was resumed; null while none is under way.';
COMMENT ON COLUMN ampsync.progress.elapsed IS 'Time since then.';
COMMENT ON COLUMN ampsync.progress.eta IS 'When block reaches head at the average speed since started; null unless it loads and all that is known.';
COMMENT ON COLUMN ampsync.progress.stream_id IS 'Its id in jobs and logs.';
CREATE VIEW ampsync.rejects AS
 SELECT d.label AS dataset,
    s.table_name,
    r.block,
    r.row_number,
    r.column_name,
    r.sqlstate,
        CASE
            WHEN v.may_read THEN r.reason
            ELSE NULL::text
        END AS reason,
        CASE
            WHEN v.may_read THEN r.row_values
            ELSE NULL::jsonb
        END AS row_values,
    r.rejected_at,
    r.reject_id
   FROM (((ampsync_private.reject r
     JOIN ampsync_private.stream s USING (stream_id))
     JOIN ampsync_private.dataset d USING (dataset_id))
     CROSS JOIN LATERAL ( SELECT (has_table_privilege((s.target)::oid, 'select'::text) AND (NOT row_security_active((s.target)::oid))) AS may_read) v)
  WHERE (s.shadow_of IS NULL);
COMMENT ON VIEW ampsync.rejects IS 'Rows that were left out of their targets by value_policy quarantine, and why.';
COMMENT ON COLUMN ampsync.rejects.dataset IS 'Dataset, as it was enqueued.';
COMMENT ON COLUMN ampsync.rejects.table_name IS 'Table of the dataset.';
COMMENT ON COLUMN ampsync.rejects.block IS 'Block of the row; for tables without _block_num the last block of the range it came with.';
COMMENT ON COLUMN ampsync.rejects.row_number IS 'Its position, from 0: in its record batch or, if PostgreSQL refused the row, in its microbatch.';
COMMENT ON COLUMN ampsync.rejects.column_name IS 'Column of the value; null if PostgreSQL refused the row without naming one.';
COMMENT ON COLUMN ampsync.rejects.sqlstate IS 'SY203 if the value was found before it was sent, else the SQLSTATE of PostgreSQL.';
COMMENT ON COLUMN ampsync.rejects.reason IS 'What is wrong. Null for whoever may not read the target, or not all of its rows.';
COMMENT ON COLUMN ampsync.rejects.row_values IS 'The row by column, as far as JSON can express it: U+0000 as U+FFFD, values without JSON as text. Null if too much was rejected in one transaction, and for whoever may not read the target, or not all of its rows.';
COMMENT ON COLUMN ampsync.rejects.rejected_at IS 'When the row was rejected.';
COMMENT ON COLUMN ampsync.rejects.reject_id IS 'Rises with time.';
CREATE TABLE ampsync_private.repair (
    stream_id bigint NOT NULL,
    first_block bigint NOT NULL,
    last_block bigint NOT NULL,
    requested_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    error jsonb,
    rows_before bigint,
    accept_fewer boolean DEFAULT false NOT NULL,
    CONSTRAINT repair_range_check CHECK (((first_block >= 0) AND (first_block <= last_block)))
);
COMMENT ON TABLE ampsync_private.repair IS 'Ranges of blocks that the next pass of a stream fetches again.';
CREATE VIEW ampsync.repairs AS
 SELECT d.label AS dataset,
    s.table_name,
    r.first_block AS from_block,
    r.last_block AS to_block,
        CASE
            WHEN i.halted THEN 'halted'::text
            WHEN (r.due_at > ampsync_private.now()) THEN 'deferred'::text
            ELSE 'waiting'::text
        END AS state,
    r.requested_at,
        CASE
            WHEN (NOT i.halted) THEN r.due_at
            ELSE NULL::timestamp with time zone
        END AS next_try,
    (r.error ->> 'code'::text) AS error_code,
    COALESCE(
        CASE
            WHEN i.halted THEN format('the table is %s'::text, s.state)
            ELSE NULL::text
        END, (r.error ->> 'message'::text)) AS reason,
    COALESCE(
        CASE
            WHEN (s.state = 'resyncing'::text) THEN 'The resync of the whole table fetches them as well.'::text
            WHEN i.halted THEN format('select ampsync.resume_sync(%L);'::text, d.label)
            ELSE NULL::text
        END, (r.error ->> 'hint'::text)) AS hint
   FROM (((ampsync_private.repair r
     JOIN ampsync_private.stream s USING (stream_id))
     JOIN ampsync_private.dataset d USING (dataset_id))
     CROSS JOIN LATERAL ( SELECT ampsync_private.is_halted(s.state) AS halted) i);
COMMENT ON VIEW ampsync.repairs IS 'Repairs that were requested and are not done yet: what keeps each, and until when.';
COMMENT ON COLUMN ampsync.repairs.dataset IS 'Dataset, as it was enqueued.';
COMMENT ON COLUMN ampsync.repairs.table_name IS 'Table of the dataset.';
COMMENT ON COLUMN ampsync.repairs.from_block IS 'First block that is fetched again.';
COMMENT ON COLUMN ampsync.repairs.to_block IS 'Last block that is fetched again.';
COMMENT ON COLUMN ampsync.repairs.state IS 'waiting for the next pass of its table, deferred until next_try, or halted with its table.';
COMMENT ON COLUMN ampsync.repairs.requested_at IS 'When the repair was requested.';
COMMENT ON COLUMN ampsync.repairs.next_try IS 'The first pass from this time on does it.';
COMMENT ON COLUMN ampsync.repairs.error_code IS 'SQLSTATE of what kept it from being done last.';
COMMENT ON COLUMN ampsync.repairs.reason IS 'What keeps it from being done.';
COMMENT ON COLUMN ampsync.repairs.hint IS 'What to do.';
CREATE VIEW ampsync.upgrades AS
 SELECT d.label AS dataset,
    COALESCE(d.resolved_version, d.resolved_hash) AS version,
    COALESCE(u.version, u.manifest_hash) AS new_version,
    t.name AS table_name,
        CASE
            WHEN (u.tables IS NULL) THEN 'requested'::text
            WHEN (w.state = ANY (ARRAY['failed'::text, 'paused'::text])) THEN w.state
            WHEN (s.target IS NULL) THEN 'new'::text
            WHEN (u.frozen_at IS NOT NULL) THEN 'frozen'::text
            WHEN (w.state = 'live'::text) THEN 'ready'::text
            ELSE 'loading'::text
        END AS state,
    w.checkpoint_block AS block,
    s.checkpoint_block AS old_block,
    w.row_total AS rows,
    (e.error ->> 'code'::text) AS error_code,
    COALESCE((e.error ->> 'message'::text),
        CASE
            WHEN (u.tables IS NULL) THEN 'waits for the tables of the new version'::text
            ELSE NULL::text
        END) AS reason,
    (e.error ->> 'detail'::text) AS detail,
        CASE
            WHEN (w.state = 'failed'::text) THEN format('select ampsync.resume_sync(%1$L); -- or give up: select ampsync.cancel_resync(%1$L);'::text, d.label)
            ELSE (e.error ->> 'hint'::text)
        END AS hint,
    COALESCE(w.next_retry, u.next_retry) AS next_retry,
    u.started_at,
    s.stream_id
   FROM (((((ampsync_private.upgrade u
     JOIN ampsync_private.dataset d USING (dataset_id))
     LEFT JOIN LATERAL ( SELECT (n.value ->> 'table'::text) AS name
           FROM jsonb_array_elements(u.tables) n(value)
          WHERE (((d.tables IS NULL) OR ((n.value ->> 'table'::text) = ANY (d.tables))) AND (NOT (EXISTS ( SELECT 1
                   FROM ampsync_private.stream q
                  WHERE ((q.dataset_id = u.dataset_id) AND (q.table_name = (n.value ->> 'table'::text)) AND (q.shadow_of IS NULL) AND (q.query IS NOT NULL))))))) t ON (true))
     LEFT JOIN ampsync_private.stream s ON (((s.dataset_id = u.dataset_id) AND (s.table_name = t.name) AND (s.shadow_of IS NULL))))
     LEFT JOIN ampsync_private.stream w ON (((w.shadow_of = s.stream_id) AND (w.state <> 'former'::text))))
     CROSS JOIN LATERAL ( SELECT COALESCE(w.error, u.error,
                CASE
                    WHEN (u.tables IS NULL) THEN d.offered_error
                    ELSE NULL::jsonb
                END) AS error) e);
COMMENT ON VIEW ampsync.upgrades IS 'Upgrades of datasets to another version that are under way: one row per table that is built beside the old one.';
COMMENT ON COLUMN ampsync.upgrades.dataset IS 'Dataset, as it was enqueued.';
COMMENT ON COLUMN ampsync.upgrades.version IS 'Version that is followed, and that readers see.';
COMMENT ON COLUMN ampsync.upgrades.new_version IS 'Version that is built beside it.';
COMMENT ON COLUMN ampsync.upgrades.table_name IS 'Table of the new version; null while they are not known.';
COMMENT ON COLUMN ampsync.upgrades.state IS 'requested, loading, ready (at the head), frozen (the old rows stand still until the swap), new (begins to load with the swap), failed or paused.';
COMMENT ON COLUMN ampsync.upgrades.block IS 'Last block of the new version that is loaded.';
COMMENT ON COLUMN ampsync.upgrades.old_block IS 'Last block of the old version, which readers see.';
COMMENT ON COLUMN ampsync.upgrades.rows IS 'Rows of the new version that are loaded.';
COMMENT ON COLUMN ampsync.upgrades.error_code IS 'SQLSTATE of what keeps it from moving.';
COMMENT ON COLUMN ampsync.upgrades.reason IS 'What keeps it from moving.';
COMMENT ON COLUMN ampsync.upgrades.detail IS 'What was found.';
COMMENT ON COLUMN ampsync.upgrades.hint IS 'What to do.';
COMMENT ON COLUMN ampsync.upgrades.next_retry IS 'When the next attempt is due.';
COMMENT ON COLUMN ampsync.upgrades.started_at IS 'When the upgrade began.';
COMMENT ON COLUMN ampsync.upgrades.stream_id IS 'Id of the stream of the table in jobs and logs.';
CREATE VIEW ampsync.status AS
 WITH alive AS (
         SELECT (EXISTS ( SELECT 1
                   FROM ampsync.workers w
                  WHERE (w.state = 'alive'::text))) AS "any"
        )
 SELECT d.label AS dataset,
    COALESCE(
        CASE
            WHEN (d.state <> 'active'::text) THEN d.state
            ELSE NULL::text
        END, s.state, 'waiting'::text) AS state,
    s.block,
    s.behind,
    s.rows_per_s,
    COALESCE((d.error ->> 'code'::text),
        CASE
            WHEN (s.state <> 'orphaned'::text) THEN s.error_code
            ELSE NULL::text
        END, u.error_code, (d.offered_error ->> 'code'::text), s.error_code, (d.poll_error ->> 'code'::text)) AS error_code,
    COALESCE(NULLIF(concat_ws(': '::text, (d.error ->> 'message'::text), (d.error ->> 'detail'::text)), ''::text),
        CASE
            WHEN ((s.error_code IS NOT NULL) AND (s.state <> 'orphaned'::text)) THEN s.reason
            ELSE NULL::text
        END,
        CASE
            WHEN (u.error_code IS NOT NULL) THEN u.reason
            ELSE NULL::text
        END, (d.offered_error ->> 'message'::text), s.reason, (('new versions cannot be looked for: '::text || (d.poll_error ->> 'message'::text)) || COALESCE((': '::text || (d.poll_error ->> 'detail'::text)), ''::text)), u.reason) AS waiting_on,
    COALESCE((d.error ->> 'hint'::text),
        CASE
            WHEN ((s.error_code IS NOT NULL) AND (s.state <> 'orphaned'::text)) THEN s.hint
            ELSE NULL::text
        END,
        CASE
            WHEN (u.error_code IS NOT NULL) THEN u.hint
            ELSE NULL::text
        END, (d.offered_error ->> 'hint'::text), s.hint, (d.poll_error ->> 'hint'::text),
        CASE
            WHEN (d.state <> 'active'::text) THEN ampsync_private.idle_hint(a."any")
            ELSE NULL::text
        END) AS hint,
    COALESCE(d.next_retry, s.next_retry, d.offered_retry,
        CASE
            WHEN (d.poll_error IS NOT NULL) THEN d.poll_due
            ELSE NULL::timestamp with time zone
        END) AS next_retry,
    d.resolved_version AS version,
    d.offered_version AS new_version,
    COALESCE(LEAST(
        CASE
            WHEN (d.state <> 'active'::text) THEN d.since
            ELSE NULL::timestamp with time zone
        END, s.since), d.since) AS since,
    s.lag,
    COALESCE(s.rows, (0)::numeric) AS rows,
    COALESCE(s.tables, (0)::bigint) AS tables,
    d.target_schema,
    ((NOT a."any") AND ((d.state = 'waiting'::text) OR (EXISTS ( SELECT 1
           FROM ampsync_private.stream m
          WHERE ((m.dataset_id = d.dataset_id) AND (NOT ampsync_private.is_halted(m.state))))))) AS unattended
   FROM (((ampsync_private.dataset d
     CROSS JOIN alive a)
     LEFT JOIN ( SELECT t.dataset_id,
            count(*) AS tables,
            (array_agg(v.state ORDER BY v.rank))[1] AS state,
            (array_agg(v.since ORDER BY v.rank))[1] AS since,
            (array_agg(v.error_code ORDER BY v.rank))[1] AS error_code,
            (array_agg(((v.table_name || ': '::text) || v.reason) ORDER BY v.rank))[1] AS reason,
            (array_agg(v.hint ORDER BY v.rank))[1] AS hint,
            min(v.next_retry) AS next_retry,
            COALESCE(min(v.block) FILTER (WHERE (v.state <> 'orphaned'::text)), min(v.block)) AS block,
            COALESCE(max(v.behind) FILTER (WHERE (v.state <> 'orphaned'::text)), max(v.behind)) AS behind,
            COALESCE(max(v.lag) FILTER (WHERE (v.state <> 'orphaned'::text)), max(v.lag)) AS lag,
            sum(v.rows) AS rows,
            (round((sum(v.rows_per_s))::numeric, 1))::double precision AS rows_per_s
           FROM (ampsync_private.stream t
             JOIN ( SELECT x.dataset,
                    x.table_name,
                    x.state,
                    x.block,
                    x.behind,
                    x.rows_per_s,
                    x.error_code,
                    x.reason,
                    x.hint,
                    x.next_retry,
                    x.attempts,
                    x.detail,
                    x.since,
                    x.lag,
                    x.head,
                    x.rows,
                    x.target,
                    x.network,
                    x.from_block,
                    x.committed_at,
                    x.rewrites,
                    x.rejected,
                    x.nulled,
                    x.nuls,
                    x.worker,
                    x.lease_until,
                    x.stream_id,
                    array_position('{failed,retrying,waiting,resyncing,reorg_pending,backfill,paused,live,orphaned}'::text[], x.state) AS rank
                   FROM ampsync.streams x) v USING (stream_id))
          GROUP BY t.dataset_id) s USING (dataset_id))
     LEFT JOIN LATERAL ( SELECT g.error_code,
            g.hint,
            concat_ws(': '::text, ('upgrade to version '::text || g.new_version), g.table_name, COALESCE(g.reason,
                CASE
                    WHEN (g.block IS NULL) THEN 'nothing loaded yet'::text
                    ELSE format('block %s of %s loaded'::text, g.block, g.old_block)
                END)) AS reason
           FROM ampsync.upgrades g
          WHERE (g.dataset = d.label)
          ORDER BY (g.state <> 'failed'::text), (g.error_code IS NULL), g.block NULLS FIRST, g.table_name
         LIMIT 1) u ON (true));
COMMENT ON VIEW ampsync.status IS 'One row per dataset: version, state, position, speed, and what it waits for.';
COMMENT ON COLUMN ampsync.status.dataset IS 'Dataset, as it was enqueued.';
COMMENT ON COLUMN ampsync.status.state IS 'State of the stream that needs most attention, orphaned only if all are; waiting while the dataset is not found.';
COMMENT ON COLUMN ampsync.status.block IS 'Lowest checkpoint of its streams.';
COMMENT ON COLUMN ampsync.status.behind IS 'Most blocks that one of its streams is behind the head.';
COMMENT ON COLUMN ampsync.status.rows_per_s IS 'Rows per second over all its tables.';
COMMENT ON COLUMN ampsync.status.error_code IS 'SQLSTATE of what it waits for.';
COMMENT ON COLUMN ampsync.status.waiting_on IS 'What keeps it from moving.';
COMMENT ON COLUMN ampsync.status.hint IS 'What to do.';
COMMENT ON COLUMN ampsync.status.next_retry IS 'When the next retry is due.';
COMMENT ON COLUMN ampsync.status.version IS 'Version that its streams read; null while unknown.';
COMMENT ON COLUMN ampsync.status.new_version IS 'Newest version of the server that is not followed yet; waiting_on and hint say why. Null if there is none.';
COMMENT ON COLUMN ampsync.status.since IS 'When it entered this state.';
COMMENT ON COLUMN ampsync.status.lag IS 'Age of the oldest checkpoint by the chain''s clock.';
COMMENT ON COLUMN ampsync.status.rows IS 'Rows in all its tables.';
COMMENT ON COLUMN ampsync.status.tables IS 'Number of its synced tables.';
COMMENT ON COLUMN ampsync.status.target_schema IS 'Schema of its tables in this database.';
COMMENT ON COLUMN ampsync.status.unattended IS 'Whether something of it should move while no worker is alive.';
CREATE TABLE ampsync_private.version_history (
    stream_id bigint NOT NULL,
    first_block bigint NOT NULL,
    version text,
    manifest_hash text,
    started_at timestamp with time zone NOT NULL,
    CONSTRAINT version_history_block_check CHECK ((first_block >= 0))
);
COMMENT ON TABLE ampsync_private.version_history IS 'Which version of its dataset the rows of a stream come from: each one from its first block up to the next entry.';
CREATE VIEW ampsync.version_history AS
 SELECT d.label AS dataset,
    s.table_name,
    v.version,
    v.manifest_hash,
    v.first_block,
    (lead(v.first_block) OVER (PARTITION BY v.stream_id ORDER BY v.first_block) - 1) AS last_block,
    v.started_at,
    v.stream_id
   FROM ((ampsync_private.version_history v
     JOIN ampsync_private.stream s USING (stream_id))
     JOIN ampsync_private.dataset d USING (dataset_id))
  WHERE (s.shadow_of IS NULL);
COMMENT ON VIEW ampsync.version_history IS 'Which version of its dataset the rows of each table come from, by block.';
COMMENT ON COLUMN ampsync.version_history.dataset IS 'Dataset, as it was enqueued.';
COMMENT ON COLUMN ampsync.version_history.table_name IS 'Table of the dataset.';
COMMENT ON COLUMN ampsync.version_history.version IS 'Version that the rows come from; null if the server names none.';
COMMENT ON COLUMN ampsync.version_history.manifest_hash IS 'Hash of its manifest; null if the server does not tell it.';
COMMENT ON COLUMN ampsync.version_history.first_block IS 'First block whose rows come from it; 0 for a table that began with it.';
COMMENT ON COLUMN ampsync.version_history.last_block IS 'Last block whose rows come from it; null for the version that is read now.';
COMMENT ON COLUMN ampsync.version_history.started_at IS 'When it was first read for these blocks.';
COMMENT ON COLUMN ampsync.version_history.stream_id IS 'Its id in jobs and logs.';
CREATE TABLE ampsync_private.answer (
    answer_id bigint NOT NULL,
    namespace text NOT NULL,
    name text NOT NULL,
    revision text,
    asked_at timestamp with time zone,
    answered_at timestamp with time zone,
    version text,
    manifest_hash text,
    has_namespaces boolean,
    tables jsonb,
    head bigint,
    error jsonb
);
COMMENT ON TABLE ampsync_private.answer IS 'What the Amp server last said that a dataset has, for ampsync.explain_sync.';
ALTER TABLE ampsync_private.answer ALTER COLUMN answer_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ampsync_private.answer_answer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ampsync_private.dataset ALTER COLUMN dataset_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ampsync_private.dataset_dataset_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE ampsync_private.event ALTER COLUMN event_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ampsync_private.event_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE ampsync_private.former_10 (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    note text
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY ampsync_private.former_10 ALTER COLUMN block_hash SET STORAGE EXTERNAL;
ALTER TABLE ONLY ampsync_private.former_10 ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE ampsync_private.former_10 IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN ampsync_private.former_10._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN ampsync_private.former_10._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN ampsync_private.former_10._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN ampsync_private.former_10._block_num IS 'Block of the row.';
CREATE TABLE ampsync_private.former_9 (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    note text
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY ampsync_private.former_9 ALTER COLUMN block_hash SET STORAGE EXTERNAL;
ALTER TABLE ONLY ampsync_private.former_9 ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE ampsync_private.former_9 IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN ampsync_private.former_9._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN ampsync_private.former_9._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN ampsync_private.former_9._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN ampsync_private.former_9._block_num IS 'Block of the row.';
CREATE TABLE ampsync_private.ledger (
    stream_id bigint NOT NULL,
    first_block bigint NOT NULL,
    last_block bigint NOT NULL,
    row_count bigint NOT NULL,
    id_xor bigint NOT NULL,
    CONSTRAINT ledger_range_check CHECK (((first_block >= 0) AND (first_block <= last_block) AND (row_count >= 0)))
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='2000', autovacuum_analyze_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');
COMMENT ON TABLE ampsync_private.ledger IS 'What each range of blocks must hold: the number of its rows and the xor of the last 8 bytes of their _id.';
CREATE TABLE ampsync_private.migration (
    name text NOT NULL,
    sha256 text NOT NULL,
    breaking boolean NOT NULL,
    version text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
COMMENT ON TABLE ampsync_private.migration IS 'Migrations that have run, each once.';
CREATE TABLE ampsync_private.queue (
    schema_name text NOT NULL,
    is_ours boolean NOT NULL,
    is_current boolean NOT NULL
);
COMMENT ON TABLE ampsync_private.queue IS 'Schemas of graphile-worker that have held our jobs: created by ampsync migrate, or shared with an application.';
ALTER TABLE ampsync_private.reject ALTER COLUMN reject_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ampsync_private.reject_reject_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE ampsync_private.shadow_17 (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    size bigint
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY ampsync_private.shadow_17 ALTER COLUMN block_hash SET STORAGE EXTERNAL;
COMMENT ON TABLE ampsync_private.shadow_17 IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN ampsync_private.shadow_17._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN ampsync_private.shadow_17._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN ampsync_private.shadow_17._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN ampsync_private.shadow_17._block_num IS 'Block of the row.';
CREATE TABLE ampsync_private.shadow_18 (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    note text
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY ampsync_private.shadow_18 ALTER COLUMN block_hash SET STORAGE EXTERNAL;
ALTER TABLE ONLY ampsync_private.shadow_18 ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE ampsync_private.shadow_18 IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN ampsync_private.shadow_18._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN ampsync_private.shadow_18._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN ampsync_private.shadow_18._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN ampsync_private.shadow_18._block_num IS 'Block of the row.';
CREATE TABLE ampsync_private.shadow_7 (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    note text
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY ampsync_private.shadow_7 ALTER COLUMN block_hash SET STORAGE EXTERNAL;
ALTER TABLE ONLY ampsync_private.shadow_7 ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE ampsync_private.shadow_7 IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN ampsync_private.shadow_7._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN ampsync_private.shadow_7._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN ampsync_private.shadow_7._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN ampsync_private.shadow_7._block_num IS 'Block of the row.';
CREATE TABLE ampsync_private.source (
    name text NOT NULL,
    sha256 text NOT NULL,
    version text NOT NULL,
    installed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
COMMENT ON TABLE ampsync_private.source IS 'The text that functions (together) and views (each) were last created from.';
ALTER TABLE ampsync_private.stream ALTER COLUMN stream_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ampsync_private.stream_stream_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE SEQUENCE ampsync_private.tx_id_seq
    START WITH 4294967296
    INCREMENT BY 4294967296
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
COMMENT ON SEQUENCE ampsync_private.tx_id_seq IS 'The first _tx_id of the next lease of a stream with identity transaction.';
CREATE VIEW failed._ampsync_checkpoints AS
 SELECT c.target_table AS table_name,
    c.network,
    c.incremental_block_num,
    c.incremental_updated_at,
    c.watermark_block_num,
    c.watermark_block_hash,
    c.watermark_updated_at,
    c.updated_at
   FROM ampsync.checkpoints c
  WHERE (c.target_schema = 'failed'::text);
CREATE TABLE failed.blocks (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    note text
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY failed.blocks ALTER COLUMN block_hash SET STORAGE EXTERNAL;
ALTER TABLE ONLY failed.blocks ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE failed.blocks IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN failed.blocks._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN failed.blocks._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN failed.blocks._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN failed.blocks._block_num IS 'Block of the row.';
CREATE TABLE graphile_worker._private_known_crontabs (
    identifier text NOT NULL,
    known_since timestamp with time zone NOT NULL,
    last_execution timestamp with time zone
);
ALTER TABLE graphile_worker._private_job_queues ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME graphile_worker.job_queues_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
ALTER TABLE graphile_worker._private_jobs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME graphile_worker.jobs_id_seq1
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE graphile_worker.migrations (
    id integer NOT NULL,
    ts timestamp with time zone DEFAULT now() NOT NULL,
    breaking boolean DEFAULT false NOT NULL
);
ALTER TABLE graphile_worker._private_tasks ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME graphile_worker.tasks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW keyed._ampsync_checkpoints AS
 SELECT c.target_table AS table_name,
    c.network,
    c.incremental_block_num,
    c.incremental_updated_at,
    c.watermark_block_num,
    c.watermark_block_hash,
    c.watermark_updated_at,
    c.updated_at
   FROM ampsync.checkpoints c
  WHERE (c.target_schema = 'keyed'::text);
CREATE TABLE keyed.logs (
    _tx_id bigint NOT NULL,
    _row_index integer NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    note text
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY keyed.logs ALTER COLUMN block_hash SET STORAGE EXTERNAL;
ALTER TABLE ONLY keyed.logs ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE keyed.logs IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN keyed.logs._tx_id IS 'The microbatch that brought the row; rises, and is never used again.';
COMMENT ON COLUMN keyed.logs._row_index IS 'Position of the row in its microbatch, from 0. With _tx_id the key of the row.';
COMMENT ON COLUMN keyed.logs._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN keyed.logs._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN keyed.logs._block_num IS 'Block of the row.';
CREATE VIEW live._ampsync_checkpoints AS
 SELECT c.target_table AS table_name,
    c.network,
    c.incremental_block_num,
    c.incremental_updated_at,
    c.watermark_block_num,
    c.watermark_block_hash,
    c.watermark_updated_at,
    c.updated_at
   FROM ampsync.checkpoints c
  WHERE (c.target_schema = 'live'::text);
CREATE TABLE live.blocks (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    note text
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY live.blocks ALTER COLUMN block_hash SET STORAGE EXTERNAL;
ALTER TABLE ONLY live.blocks ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE live.blocks IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN live.blocks._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN live.blocks._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN live.blocks._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN live.blocks._block_num IS 'Block of the row.';
CREATE TABLE live.logs (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    note text
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY live.logs ALTER COLUMN block_hash SET STORAGE EXTERNAL;
ALTER TABLE ONLY live.logs ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE live.logs IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN live.logs._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN live.logs._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN live.logs._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN live.logs._block_num IS 'Block of the row.';
CREATE VIEW paused._ampsync_checkpoints AS
 SELECT c.target_table AS table_name,
    c.network,
    c.incremental_block_num,
    c.incremental_updated_at,
    c.watermark_block_num,
    c.watermark_block_hash,
    c.watermark_updated_at,
    c.updated_at
   FROM ampsync.checkpoints c
  WHERE (c.target_schema = 'paused'::text);
CREATE TABLE paused.blocks (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    note text
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY paused.blocks ALTER COLUMN block_hash SET STORAGE EXTERNAL;
ALTER TABLE ONLY paused.blocks ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE paused.blocks IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN paused.blocks._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN paused.blocks._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN paused.blocks._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN paused.blocks._block_num IS 'Block of the row.';
CREATE VIEW rejecting._ampsync_checkpoints AS
 SELECT c.target_table AS table_name,
    c.network,
    c.incremental_block_num,
    c.incremental_updated_at,
    c.watermark_block_num,
    c.watermark_block_hash,
    c.watermark_updated_at,
    c.updated_at
   FROM ampsync.checkpoints c
  WHERE (c.target_schema = 'rejecting'::text);
CREATE TABLE rejecting.blocks (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    note text
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY rejecting.blocks ALTER COLUMN block_hash SET STORAGE EXTERNAL;
ALTER TABLE ONLY rejecting.blocks ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE rejecting.blocks IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN rejecting.blocks._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN rejecting.blocks._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN rejecting.blocks._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN rejecting.blocks._block_num IS 'Block of the row.';
CREATE VIEW resyncing._ampsync_checkpoints AS
 SELECT c.target_table AS table_name,
    c.network,
    c.incremental_block_num,
    c.incremental_updated_at,
    c.watermark_block_num,
    c.watermark_block_hash,
    c.watermark_updated_at,
    c.updated_at
   FROM ampsync.checkpoints c
  WHERE (c.target_schema = 'resyncing'::text);
CREATE TABLE resyncing.blocks (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    note text
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY resyncing.blocks ALTER COLUMN block_hash SET STORAGE EXTERNAL;
ALTER TABLE ONLY resyncing.blocks ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE resyncing.blocks IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN resyncing.blocks._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN resyncing.blocks._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN resyncing.blocks._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN resyncing.blocks._block_num IS 'Block of the row.';
CREATE VIEW retrying._ampsync_checkpoints AS
 SELECT c.target_table AS table_name,
    c.network,
    c.incremental_block_num,
    c.incremental_updated_at,
    c.watermark_block_num,
    c.watermark_block_hash,
    c.watermark_updated_at,
    c.updated_at
   FROM ampsync.checkpoints c
  WHERE (c.target_schema = 'retrying'::text);
CREATE TABLE retrying.blocks (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    note text
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY retrying.blocks ALTER COLUMN block_hash SET STORAGE EXTERNAL;
ALTER TABLE ONLY retrying.blocks ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE retrying.blocks IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN retrying.blocks._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN retrying.blocks._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN retrying.blocks._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN retrying.blocks._block_num IS 'Block of the row.';
CREATE VIEW upgraded._ampsync_checkpoints AS
 SELECT c.target_table AS table_name,
    c.network,
    c.incremental_block_num,
    c.incremental_updated_at,
    c.watermark_block_num,
    c.watermark_block_hash,
    c.watermark_updated_at,
    c.updated_at
   FROM ampsync.checkpoints c
  WHERE (c.target_schema = 'upgraded'::text);
CREATE TABLE upgraded.blocks (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    size bigint
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY upgraded.blocks ALTER COLUMN block_hash SET STORAGE EXTERNAL;
COMMENT ON TABLE upgraded.blocks IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN upgraded.blocks._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN upgraded.blocks._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN upgraded.blocks._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN upgraded.blocks._block_num IS 'Block of the row.';
CREATE TABLE upgraded.logs (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    note text
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY upgraded.logs ALTER COLUMN block_hash SET STORAGE EXTERNAL;
ALTER TABLE ONLY upgraded.logs ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE upgraded.logs IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN upgraded.logs._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN upgraded.logs._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN upgraded.logs._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN upgraded.logs._block_num IS 'Block of the row.';
CREATE VIEW upgrading._ampsync_checkpoints AS
 SELECT c.target_table AS table_name,
    c.network,
    c.incremental_block_num,
    c.incremental_updated_at,
    c.watermark_block_num,
    c.watermark_block_hash,
    c.watermark_updated_at,
    c.updated_at
   FROM ampsync.checkpoints c
  WHERE (c.target_schema = 'upgrading'::text);
CREATE TABLE upgrading.blocks (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    note text
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY upgrading.blocks ALTER COLUMN block_hash SET STORAGE EXTERNAL;
ALTER TABLE ONLY upgrading.blocks ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE upgrading.blocks IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN upgrading.blocks._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN upgrading.blocks._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN upgrading.blocks._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN upgrading.blocks._block_num IS 'Block of the row.';
CREATE TABLE upgrading.logs (
    _id bytea NOT NULL,
    _block_num_start bigint NOT NULL,
    _block_num_end bigint NOT NULL,
    _block_num bigint NOT NULL,
    block_hash bytea NOT NULL,
    note text
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_scale_factor='0.02', vacuum_truncate=off);
ALTER TABLE ONLY upgrading.logs ALTER COLUMN block_hash SET STORAGE EXTERNAL;
ALTER TABLE ONLY upgrading.logs ALTER COLUMN note SET STORAGE EXTERNAL;
COMMENT ON TABLE upgrading.logs IS 'Kept in sync by ampsync; see ampsync.streams.';
COMMENT ON COLUMN upgrading.logs._id IS 'Key of the row: 6 bytes of its block, then 10 bytes of a hash of its values. In block order.';
COMMENT ON COLUMN upgrading.logs._block_num_start IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN upgrading.logs._block_num_end IS 'Block of the row, as in _block_num.';
COMMENT ON COLUMN upgrading.logs._block_num IS 'Block of the row.';
INSERT INTO ampsync_private.answer OVERRIDING SYSTEM VALUE VALUES
	(1, '_', 'asked', NULL, '2026-11-29 15:17:39.346647+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO ampsync_private.dataset OVERRIDING SYSTEM VALUE VALUES
	(1, '_', 'live', NULL, DEFAULT, NULL, 'live', 128, 'stop', 'fail', 'replace', 'content', true, '{}', '{}', 0, 'continue', 'btree', '{}', '{}', NULL, NULL, NULL, '1.0.0', NULL, '{blocks,logs}', true, NULL, NULL, false, 0, NULL, NULL, NULL, '2026-11-29 15:17:43.414404+00', 0, NULL, 'active', '2026-11-29 15:17:38.415718+00', 0, NULL, NULL, '2026-11-29 15:17:38.39471+00'),
	(2, '_', 'keyed', NULL, DEFAULT, NULL, 'keyed', 128, 'stop', 'fail', 'replace', 'transaction', true, '{}', '{}', 0, 'continue', 'btree', '{}', '{}', NULL, NULL, NULL, '1.0.0', NULL, '{logs}', true, NULL, NULL, false, 0, NULL, NULL, NULL, '2026-11-29 15:17:43.541091+00', 0, NULL, 'active', '2026-11-29 15:17:38.542099+00', 0, NULL, NULL, '2026-11-29 15:17:38.533901+00'),
	(3, '_', 'paused', NULL, DEFAULT, NULL, 'paused', 128, 'stop', 'fail', 'replace', 'content', true, '{}', '{}', 0, 'continue', 'btree', '{}', '{}', NULL, NULL, NULL, '1.0.0', NULL, '{blocks}', true, NULL, NULL, false, 0, NULL, NULL, NULL, '2026-11-29 15:17:43.586334+00', 0, NULL, 'active', '2026-11-29 15:17:38.587353+00', 0, NULL, NULL, '2026-11-29 15:17:38.578943+00'),
	(4, '_', 'failed', NULL, DEFAULT, NULL, 'failed', 128, 'stop', 'fail', 'replace', 'content', true, '{}', '{}', 0, 'continue', 'btree', '{}', '{}', NULL, NULL, NULL, '1.0.0', NULL, '{blocks}', true, NULL, NULL, false, 0, NULL, NULL, NULL, '2026-11-29 15:17:43.635841+00', 0, NULL, 'active', '2026-11-29 15:17:38.636826+00', 0, NULL, NULL, '2026-11-29 15:17:38.628337+00'),
	(5, '_', 'retrying', NULL, DEFAULT, NULL, 'retrying', 128, 'stop', 'fail', 'replace', 'content', true, '{}', '{}', 0, 'continue', 'btree', '{}', '{}', NULL, NULL, NULL, '1.0.0', NULL, '{blocks}', true, NULL, NULL, false, 0, NULL, NULL, NULL, '2026-11-29 15:17:43.682825+00', 0, NULL, 'active', '2026-11-29 15:17:38.683754+00', 0, NULL, NULL, '2026-11-29 15:17:38.6751+00'),
	(6, '_', 'resyncing', NULL, DEFAULT, NULL, 'resyncing', 128, 'stop', 'fail', 'replace', 'content', true, '{}', '{}', 0, 'continue', 'btree', '{}', '{}', NULL, NULL, NULL, '1.0.0', NULL, '{blocks}', true, NULL, NULL, false, 0, NULL, NULL, NULL, '2026-11-29 15:17:43.731024+00', 0, NULL, 'active', '2026-11-29 15:17:38.73195+00', 0, NULL, NULL, '2026-11-29 15:17:38.723193+00'),
	(7, '_', 'upgraded', NULL, DEFAULT, NULL, 'upgraded', 128, 'stop', 'fail', 'replace', 'content', true, '{}', '{}', 0, 'continue', 'btree', '{}', '{}', NULL, NULL, NULL, '2.0.0', NULL, '{blocks,logs}', true, NULL, NULL, false, 0, NULL, NULL, NULL, '2026-11-29 15:17:43.815208+00', 0, NULL, 'active', '2026-11-29 15:17:38.816113+00', 0, NULL, NULL, '2026-11-29 15:17:38.806865+00'),
	(8, '_', 'upgrading', NULL, DEFAULT, NULL, 'upgrading', 128, 'stop', 'fail', 'replace', 'content', true, '{}', '{}', 0, 'continue', 'btree', '{}', '{}', NULL, NULL, NULL, '1.0.0', NULL, '{blocks,logs}', true, NULL, NULL, false, 0, NULL, NULL, NULL, '2026-11-29 15:17:44.111945+00', 0, NULL, 'active', '2026-11-29 15:17:39.11277+00', 0, NULL, NULL, '2026-11-29 15:17:39.105106+00'),
	(9, '_', 'rejecting', NULL, DEFAULT, NULL, 'rejecting', 128, 'stop', 'quarantine', 'replace', 'content', true, '{}', '{}', 0, 'continue', 'btree', '{}', '{}', NULL, NULL, NULL, '1.0.0', NULL, '{blocks}', true, NULL, NULL, false, 0, NULL, NULL, NULL, '2026-11-29 15:17:44.292603+00', 0, NULL, 'active', '2026-11-29 15:17:39.293599+00', 0, NULL, NULL, '2026-11-29 15:17:39.286005+00'),
	(11, '_', 'waiting', NULL, DEFAULT, NULL, 'waiting', 64, 'stop', 'fail', 'replace', 'content', true, '{}', '{}', 7, 'continue', 'btree', '{}', '{}', NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, false, 0, NULL, NULL, NULL, NULL, 0, NULL, 'waiting', '2026-11-29 15:17:39.33142+00', 0, NULL, NULL, '2026-11-29 15:17:39.331422+00'),
	(12, '_', 'derived', NULL, DEFAULT, '{sums}', 'derived', 128, 'stop', 'fail', 'replace', 'content', true, '{}', '{}', 0, 'continue', 'btree', '{}', '{"sums": "select count(*) as n from logs"}', NULL, NULL, NULL, NULL, NULL, NULL, true, NULL, NULL, false, 0, NULL, NULL, NULL, NULL, 0, NULL, 'active', '2026-11-29 15:17:39.340992+00', 0, NULL, NULL, '2026-11-29 15:17:39.334042+00');
INSERT INTO ampsync_private.event OVERRIDING SYSTEM VALUE VALUES
	(1, '2026-11-29 15:17:38.413655+00', 'version_resolved', 'live', NULL, NULL, '{"tables": ["blocks", "logs"], "version": "1.0.0", "manifest_hash": null}', 'postgres'),
	(2, '2026-11-29 15:17:38.446138+00', 'table_created', 'live', 'blocks', 1, '{}', 'postgres'),
	(3, '2026-11-29 15:17:38.463076+00', 'live', 'live', 'blocks', 1, '{"block": 9}', 'postgres'),
	(4, '2026-11-29 15:17:38.483267+00', 'table_created', 'live', 'logs', 2, '{}', 'postgres'),
	(5, '2026-11-29 15:17:38.493349+00', 'live', 'live', 'logs', 2, '{"block": 9}', 'postgres'),
	(6, '2026-11-29 15:17:38.501698+00', 'reorg', 'live', 'blocks', 1, '{"depth": 2, "old_tip": 9, "from_block": 8, "rows_deleted": 2}', 'postgres'),
	(7, '2026-11-29 15:17:38.512887+00', 'reorg', 'live', 'logs', 2, '{"depth": 2, "old_tip": 9, "from_block": 8, "rows_deleted": 2}', 'postgres'),
	(8, '2026-11-29 15:17:38.526288+00', 'index_valid', 'live', 'blocks', 1, '{"index": "live.blocks__block_num_idx", "columns": "_block_num", "seconds": 0.0}', 'postgres'),
	(9, '2026-11-29 15:17:38.532604+00', 'repair_requested', 'live', 'logs', 2, '{"to_block": 3, "from_block": 2, "accept_fewer": false}', 'postgres'),
	(10, '2026-11-29 15:17:38.540604+00', 'version_resolved', 'keyed', NULL, NULL, '{"tables": ["logs"], "version": "1.0.0", "manifest_hash": null}', 'postgres'),
	(11, '2026-11-29 15:17:38.563141+00', 'table_created', 'keyed', 'logs', 3, '{}', 'postgres'),
	(12, '2026-11-29 15:17:38.575433+00', 'live', 'keyed', 'logs', 3, '{"block": 9}', 'postgres'),
	(13, '2026-11-29 15:17:38.58592+00', 'version_resolved', 'paused', NULL, NULL, '{"tables": ["blocks"], "version": "1.0.0", "manifest_hash": null}', 'postgres'),
	(14, '2026-11-29 15:17:38.607206+00', 'table_created', 'paused', 'blocks', 4, '{}', 'postgres'),
	(15, '2026-11-29 15:17:38.619305+00', 'live', 'paused', 'blocks', 4, '{"block": 9}', 'postgres'),
	(16, '2026-11-29 15:17:38.626528+00', 'paused', 'paused', 'blocks', 4, '{}', 'postgres'),
	(17, '2026-11-29 15:17:38.635423+00', 'version_resolved', 'failed', NULL, NULL, '{"tables": ["blocks"], "version": "1.0.0", "manifest_hash": null}', 'postgres'),
	(18, '2026-11-29 15:17:38.656767+00', 'table_created', 'failed', 'blocks', 5, '{}', 'postgres'),
	(19, '2026-11-29 15:17:38.669165+00', 'live', 'failed', 'blocks', 5, '{"block": 9}', 'postgres'),
	(20, '2026-11-29 15:17:38.673738+00', 'stream_failed', 'failed', 'blocks', 5, '{"code": "SY201", "hint": "select 1;", "detail": "while testing", "message": "it broke", "attempts": 1, "next_retry": null}', 'postgres'),
	(21, '2026-11-29 15:17:38.6824+00', 'version_resolved', 'retrying', NULL, NULL, '{"tables": ["blocks"], "version": "1.0.0", "manifest_hash": null}', 'postgres'),
	(22, '2026-11-29 15:17:38.704582+00', 'table_created', 'retrying', 'blocks', 6, '{}', 'postgres'),
	(23, '2026-11-29 15:17:38.717009+00', 'live', 'retrying', 'blocks', 6, '{"block": 9}', 'postgres'),
	(24, '2026-11-29 15:17:38.720852+00', 'stream_error', 'retrying', 'blocks', 6, '{"code": "SY104", "hint": "select 1;", "detail": "while testing", "message": "it broke", "attempts": 1, "next_retry": "2026-11-29T15:17:39.529612+00:00"}', 'postgres'),
	(25, '2026-11-29 15:17:38.730528+00', 'version_resolved', 'resyncing', NULL, NULL, '{"tables": ["blocks"], "version": "1.0.0", "manifest_hash": null}', 'postgres'),
	(26, '2026-11-29 15:17:38.753258+00', 'table_created', 'resyncing', 'blocks', 7, '{}', 'postgres'),
	(27, '2026-11-29 15:17:38.776084+00', 'resync_started', 'resyncing', 'blocks', 7, '{}', 'postgres'),
	(28, '2026-11-29 15:17:38.801205+00', 'table_created', 'resyncing', 'blocks', 8, '{"shadow": true}', 'postgres'),
	(29, '2026-11-29 15:17:38.814783+00', 'version_resolved', 'upgraded', NULL, NULL, '{"tables": ["blocks", "logs"], "version": "1.0.0", "manifest_hash": null}', 'postgres'),
	(30, '2026-11-29 15:17:38.831888+00', 'table_created', 'upgraded', 'blocks', 9, '{}', 'postgres'),
	(31, '2026-11-29 15:17:38.842097+00', 'live', 'upgraded', 'blocks', 9, '{"block": 9}', 'postgres'),
	(32, '2026-11-29 15:17:38.861723+00', 'table_created', 'upgraded', 'logs', 10, '{}', 'postgres'),
	(33, '2026-11-29 15:17:38.870053+00', 'live', 'upgraded', 'logs', 10, '{"block": 9}', 'postgres'),
	(34, '2026-11-29 15:17:38.945643+00', 'upgrade_started', 'upgraded', NULL, NULL, '{"version": "2.0.0", "old_version": "1.0.0", "manifest_hash": null, "old_manifest_hash": null}', 'postgres'),
	(35, '2026-11-29 15:17:38.970593+00', 'table_created', 'upgraded', 'blocks', 11, '{"shadow": true}', 'postgres'),
	(36, '2026-11-29 15:17:38.974805+00', 'live', 'upgraded', 'blocks', 11, '{"block": 9, "shadow": true}', 'postgres'),
	(37, '2026-11-29 15:17:38.98847+00', 'table_created', 'upgraded', 'logs', 12, '{"shadow": true}', 'postgres'),
	(38, '2026-11-29 15:17:38.99225+00', 'live', 'upgraded', 'logs', 12, '{"block": 9, "shadow": true}', 'postgres'),
	(39, '2026-11-29 15:17:39.005905+00', 'upgrade_frozen', 'upgraded', NULL, NULL, '{}', 'postgres'),
	(40, '2026-11-29 15:17:39.095634+00', 'resynced', 'upgraded', 'blocks', 9, '{"rows": 10, "block": 9, "replaced": true, "old_block": 9}', 'postgres'),
	(41, '2026-11-29 15:17:39.097697+00', 'resynced', 'upgraded', 'logs', 10, '{"rows": 10, "block": 9, "old_block": 9, "rows_deleted": 0, "rows_inserted": 0}', 'postgres'),
	(42, '2026-11-29 15:17:39.101784+00', 'version_resolved', 'upgraded', NULL, NULL, '{"tables": ["blocks", "logs"], "version": "2.0.0", "manifest_hash": null}', 'postgres'),
	(43, '2026-11-29 15:17:39.103246+00', 'upgraded', 'upgraded', NULL, NULL, '{"kept": true, "version": "2.0.0", "old_version": "1.0.0", "manifest_hash": null, "old_manifest_hash": null}', 'postgres'),
	(44, '2026-11-29 15:17:39.111525+00', 'version_resolved', 'upgrading', NULL, NULL, '{"tables": ["blocks", "logs"], "version": "1.0.0", "manifest_hash": null}', 'postgres'),
	(45, '2026-11-29 15:17:39.127849+00', 'table_created', 'upgrading', 'blocks', 17, '{}', 'postgres'),
	(46, '2026-11-29 15:17:39.137519+00', 'live', 'upgrading', 'blocks', 17, '{"block": 9}', 'postgres'),
	(47, '2026-11-29 15:17:39.156737+00', 'table_created', 'upgrading', 'logs', 18, '{}', 'postgres'),
	(48, '2026-11-29 15:17:39.165442+00', 'live', 'upgrading', 'logs', 18, '{"block": 9}', 'postgres'),
	(49, '2026-11-29 15:17:39.238739+00', 'upgrade_started', 'upgrading', NULL, NULL, '{"version": "2.0.0", "old_version": "1.0.0", "manifest_hash": null, "old_manifest_hash": null}', 'postgres'),
	(50, '2026-11-29 15:17:39.266419+00', 'table_created', 'upgrading', 'blocks', 19, '{"shadow": true}', 'postgres'),
	(51, '2026-11-29 15:17:39.282427+00', 'table_created', 'upgrading', 'logs', 20, '{"shadow": true}', 'postgres'),
	(52, '2026-11-29 15:17:39.292159+00', 'version_resolved', 'rejecting', NULL, NULL, '{"tables": ["blocks"], "version": "1.0.0", "manifest_hash": null}', 'postgres'),
	(53, '2026-11-29 15:17:39.308086+00', 'table_created', 'rejecting', 'blocks', 21, '{}', 'postgres'),
	(54, '2026-11-29 15:17:39.329634+00', 'row_quarantined', 'rejecting', 'blocks', 21, '{"row": 3, "rows": 1, "block": "11", "column": "note", "reason": "too long", "sqlstate": "SY203"}', 'postgres'),
	(55, '2026-11-29 15:17:39.330141+00', 'value_error', 'rejecting', 'blocks', 21, '{"row": 0, "block": "10", "count": 2, "column": "note", "reason": "a NUL"}', 'postgres');
INSERT INTO ampsync_private.former VALUES
	(7, '1.0.0', NULL, '{blocks,logs}', '2.0.0', NULL, 'kept', '2026-11-29 15:17:39.102523+00', NULL);
INSERT INTO ampsync_private.former_10 VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL),
	('\x00000000000584e8120b7ed0af7e2845', 5, 5, 5, '\x6100000000000000000000000000000000000000000000000000000000000005', NULL),
	('\x0000000000065f05cda27bfb262d4173', 6, 6, 6, '\x6100000000000000000000000000000000000000000000000000000000000006', NULL),
	('\x000000000007fb4297d0fffa2dbf62b9', 7, 7, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', NULL),
	('\x000000000008a7875c0315bb641c3013', 8, 8, 8, '\x6100000000000000000000000000000000000000000000000000000000000008', NULL),
	('\x00000000000931be14f1dcecaa2784e0', 9, 9, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL);
INSERT INTO ampsync_private.former_9 VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL),
	('\x00000000000584e8120b7ed0af7e2845', 5, 5, 5, '\x6100000000000000000000000000000000000000000000000000000000000005', NULL),
	('\x0000000000065f05cda27bfb262d4173', 6, 6, 6, '\x6100000000000000000000000000000000000000000000000000000000000006', NULL),
	('\x000000000007fb4297d0fffa2dbf62b9', 7, 7, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', NULL),
	('\x000000000008a7875c0315bb641c3013', 8, 8, 8, '\x6100000000000000000000000000000000000000000000000000000000000008', NULL),
	('\x00000000000931be14f1dcecaa2784e0', 9, 9, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL);
INSERT INTO ampsync_private.history VALUES
	(1, 0, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(1, 8, 11, '\x620000000000000000000000000000000000000000000000000000000000000b', '\x6100000000000000000000000000000000000000000000000000000000000007'),
	(2, 0, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(2, 8, 11, '\x620000000000000000000000000000000000000000000000000000000000000b', '\x6100000000000000000000000000000000000000000000000000000000000007'),
	(3, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(4, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(5, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(6, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(7, 0, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(7, 5, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', '\x6100000000000000000000000000000000000000000000000000000000000004'),
	(8, 0, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(13, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(9, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(14, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(10, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(17, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(18, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(19, 0, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(20, 0, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(21, 0, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(21, 5, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', '\x6100000000000000000000000000000000000000000000000000000000000004'),
	(21, 10, 11, '\x610000000000000000000000000000000000000000000000000000000000000b', '\x6100000000000000000000000000000000000000000000000000000000000009');
INSERT INTO ampsync_private.lease VALUES
	(1, 1, 'worker-1', '2026-11-29 15:17:38.427666+00', '2026-11-29 15:18:08.427669+00', false, 0, '2026-11-29 15:17:38.427671+00', NULL, NULL, NULL, NULL, '1.0.0', NULL, NULL, 0, NULL),
	(2, 1, 'worker-1', '2026-11-29 15:17:38.471403+00', '2026-11-29 15:18:08.471405+00', false, 0, '2026-11-29 15:17:38.471407+00', NULL, NULL, NULL, NULL, '1.0.0', NULL, NULL, 0, NULL),
	(3, 1, 'worker-1', '2026-11-29 15:17:38.548616+00', '2026-11-29 15:18:08.548619+00', false, 0, '2026-11-29 15:17:38.548621+00', NULL, NULL, NULL, NULL, '1.0.0', NULL, NULL, 0, NULL),
	(4, 2, NULL, '2026-11-29 15:17:38.593574+00', NULL, false, 0, '2026-11-29 15:17:38.593579+00', NULL, NULL, NULL, NULL, '1.0.0', NULL, NULL, 0, NULL),
	(5, 1, NULL, '2026-11-29 15:17:38.642835+00', NULL, false, 0, '2026-11-29 15:17:38.642839+00', NULL, NULL, NULL, NULL, '1.0.0', NULL, NULL, 0, NULL),
	(6, 1, NULL, '2026-11-29 15:17:38.690553+00', NULL, false, 0, '2026-11-29 15:17:38.690557+00', NULL, NULL, NULL, NULL, '1.0.0', NULL, NULL, 0, NULL),
	(7, 2, NULL, '2026-11-29 15:17:38.739026+00', NULL, false, 0, '2026-11-29 15:17:38.739031+00', NULL, NULL, NULL, NULL, '1.0.0', NULL, NULL, 0, NULL),
	(8, 1, 'worker-2', '2026-11-29 15:17:38.779856+00', '2026-11-29 15:18:08.779858+00', false, 0, '2026-11-29 15:17:38.77986+00', NULL, NULL, NULL, NULL, '1.0.0', NULL, NULL, 0, NULL),
	(9, 2, NULL, '2026-11-29 15:17:38.821462+00', NULL, false, 0, '2026-11-29 15:17:38.821467+00', NULL, NULL, NULL, NULL, '1.0.0', NULL, NULL, 0, NULL),
	(10, 2, NULL, '2026-11-29 15:17:38.849671+00', NULL, false, 0, '2026-11-29 15:17:38.849676+00', NULL, NULL, NULL, NULL, '1.0.0', NULL, NULL, 0, NULL),
	(17, 1, 'worker-1', '2026-11-29 15:17:39.116965+00', '2026-11-29 15:18:09.116967+00', false, 0, '2026-11-29 15:17:39.116969+00', NULL, NULL, NULL, NULL, '1.0.0', NULL, NULL, 0, NULL),
	(18, 1, 'worker-1', '2026-11-29 15:17:39.144656+00', '2026-11-29 15:18:09.144659+00', false, 0, '2026-11-29 15:17:39.144661+00', NULL, NULL, NULL, NULL, '1.0.0', NULL, NULL, 0, NULL),
	(19, 1, 'worker-2', '2026-11-29 15:17:39.244181+00', '2026-11-29 15:18:09.244183+00', false, 0, '2026-11-29 15:17:39.244185+00', NULL, NULL, NULL, NULL, '2.0.0', NULL, NULL, 0, NULL),
	(20, 1, 'worker-2', '2026-11-29 15:17:39.271292+00', '2026-11-29 15:18:09.271294+00', false, 0, '2026-11-29 15:17:39.271297+00', NULL, NULL, NULL, NULL, '2.0.0', NULL, NULL, 0, NULL),
	(21, 1, 'worker-1', '2026-11-29 15:17:39.297804+00', '2026-11-29 15:18:09.297806+00', false, 0, '2026-11-29 15:17:39.297808+00', NULL, NULL, NULL, NULL, '1.0.0', NULL, NULL, 0, NULL),
	(22, 0, NULL, NULL, NULL, false, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL);
INSERT INTO ampsync_private.ledger VALUES
	(1, 0, 7, 8, 729821679442199863),
	(1, 8, 11, 4, 866460983637662411),
	(2, 0, 7, 8, 729821679442199863),
	(2, 8, 11, 4, 866460983637662411),
	(3, 0, 9, 10, 0),
	(4, 0, 9, 10, 4814930350615802308),
	(5, 0, 9, 10, 4814930350615802308),
	(6, 0, 9, 10, 4814930350615802308),
	(7, 0, 4, 5, 4780890012149616312),
	(7, 5, 9, 5, 39181674173939580),
	(8, 0, 4, 5, 4780890012149616312),
	(13, 0, 9, 10, 4814930350615802308),
	(9, 0, 9, 10, 4814930350615802308),
	(14, 0, 9, 10, 4814930350615802308),
	(10, 0, 9, 10, 4814930350615802308),
	(17, 0, 9, 10, 4814930350615802308),
	(18, 0, 9, 10, 4814930350615802308),
	(19, 0, 4, 5, 4780890012149616312),
	(20, 0, 4, 5, 4780890012149616312),
	(21, 0, 4, 5, 4780890012149616312),
	(21, 5, 9, 5, 39181674173939580),
	(21, 10, 11, 2, 5878561277198625635);
INSERT INTO ampsync_private.migration VALUES
	('migrations/0001_core.sql', '697506dcfb95f04f762f59b2fe652528bd5dcd345296532a0b16ae8b8205c92e', false, '0.1.0', '2026-11-29 15:17:38.189095+00'),
	('migrations/0002_verify_repair.sql', '22c536de1a811aa8ca6628e1e3e47dfa71980975ce85e45eb600e8b2e326251b', false, '0.1.0', '2026-11-29 15:17:38.189813+00'),
	('migrations/0003_health.sql', '66812377a2502303d5bdaf6ebff416f305fba58147e7e9981c397f5117bb7cf3', false, '0.1.0', '2026-11-29 15:17:38.190758+00'),
	('migrations/0004_roles.sql', '8cbcb26a363da8c219ec56834ed2a160baab7e79924c2bdf7acd4ae1cd0e5aef', false, '0.1.0', '2026-11-29 15:17:38.191125+00'),
	('migrations/0005_signatures.sql', 'f742988d57662e575a3c3f7b46c5c5a8ba4a6f3b280dfbf2444c5c8910f0f997', false, '0.1.0', '2026-11-29 15:17:38.191825+00'),
	('migrations/0006_stalled_until.sql', 'dcfdaf2989dd297d6a4637d2a4d40f1864dad82a3cf102922babd3914534fc9e', false, '0.1.0', '2026-11-29 15:17:38.192215+00');
INSERT INTO ampsync_private.queue VALUES
	('graphile_worker', true, true);
INSERT INTO ampsync_private.reject OVERRIDING SYSTEM VALUE VALUES
	(1, 21, 11, 3, 'note', 'SY203', 'too long', '{"note": "x"}', '2026-11-29 15:17:39.328632+00');
INSERT INTO ampsync_private.repair VALUES
	(2, 2, 3, '2026-11-29 15:17:38.531768+00', '2026-11-29 15:17:38.531771+00', NULL, NULL, false);
INSERT INTO ampsync_private.retention VALUES
	(true, '10 days', 1000000, '7 days');
INSERT INTO ampsync_private.shadow_17 VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL);
INSERT INTO ampsync_private.shadow_18 VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL);
INSERT INTO ampsync_private.shadow_7 VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL);
INSERT INTO ampsync_private.source VALUES
	('functions', '619cdc54eaf35d1034f19990b78f687617011f033ab2bca49db9da48828c9618', '0.1.0', '2026-11-29 15:17:38.278339+00'),
	('functions/view/1_checkpoints.sql', 'd09c7368e61ea11db58bbcf931341e4347b1e785d8428ff08eef5280f770e890', '0.1.0', '2026-11-29 15:17:38.280953+00'),
	('functions/view/1_events.sql', 'fc744ddc8b166f71ec9a5c8d67ea98feefa371cbef32936147613434b3edef16', '0.1.0', '2026-11-29 15:17:38.281715+00'),
	('functions/view/1_former_tables.sql', '78205cf001de5afc327346ebccbb1216d1c665effacd802f995384aece51caf9', '0.1.0', '2026-11-29 15:17:38.284086+00'),
	('functions/view/1_indexes.sql', '3a14ad8c2baf43b1571dcae91cb58407a8ce3bcc8f14a11503af724a9e54458a', '0.1.0', '2026-11-29 15:17:38.292146+00'),
	('functions/view/1_jobs.sql', 'ec64086ad348eb5df0130f67b21086cb1fd88078c5b4ad195f8798ccb1f285c7', '0.1.0', '2026-11-29 15:17:38.29384+00'),
	('functions/view/1_rejects.sql', '7eb225fcd71fc258c0750f0e9b5a06a24b5ac6bd3aad8193b4eeafa9d595b955', '0.1.0', '2026-11-29 15:17:38.295422+00'),
	('functions/view/1_repairs.sql', '92c16559acd447969abd5659f67618f147444b4c431882c4d506e36d5f2af5e8', '0.1.0', '2026-11-29 15:17:38.297001+00'),
	('functions/view/1_streams.sql', '326afb4ca8c0b7730d4d1dd34fe460dd250a470caf7aa10d67479ae53247d3c4', '0.1.0', '2026-11-29 15:17:38.30685+00'),
	('functions/view/1_upgrades.sql', 'ae0d1e96d1267aebb329625e1652e6df6efd3a8732361544f8d0e0fb029551e1', '0.1.0', '2026-11-29 15:17:38.309485+00'),
	('functions/view/1_version_history.sql', '08a6885cd89a4d795c4d7615576e1c82312971751e07b4120e33c004db92fa6e', '0.1.0', '2026-11-29 15:17:38.311196+00'),
	('functions/view/1_workers.sql', 'f999174e238e98c257e1b7386b7dc0887d1fdf0d05dd65b56bf696cc429f3228', '0.1.0', '2026-11-29 15:17:38.312371+00'),
	('functions/view/2_progress.sql', 'c1687f90128fc0bf6fccbcc349544afc7b0da63a76cf9394130bcbdcacccca55', '0.1.0', '2026-11-29 15:17:38.315269+00'),
	('functions/view/2_readiness.sql', '7db29565f5d82c300e340c92c2a989f491087b289e9179a3e9d16332c78a9fd8', '0.1.0', '2026-11-29 15:17:38.319053+00'),
	('functions/view/2_status.sql', 'dd9dbc5e19b4368b8d628586723ebf26d307b13ed715944034fc052be88fc788', '0.1.0', '2026-11-29 15:17:38.322229+00'),
	('functions/view/3_metrics.sql', '9f7979144727833fa6939649ddaf0aa2a98a4e3b7e1585fd18aacb5d892c5e1f', '0.1.0', '2026-11-29 15:17:38.324846+00');
INSERT INTO ampsync_private.stream OVERRIDING SYSTEM VALUE VALUES
	(1, 1, 'blocks', NULL, 'live', 'blocks', 'content', 'live.blocks', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}]', true, 'mainnet', '1.0.0', NULL, '2026-11-29 15:17:38.406124+00', NULL, 'live', '2026-11-29 15:17:38.462554+00', 0, NULL, NULL, 0, 0, 11, '\x620000000000000000000000000000000000000000000000000000000000000b', NULL, '2026-11-29 15:17:38.507516+00', NULL, NULL, 12, 1, '{}', '{}', 0, '2026-11-29 15:17:38.462556+00', true, 0, NULL, NULL, '{0,1,0,0}'),
	(2, 1, 'logs', NULL, 'live', 'logs', 'content', 'live.logs', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}]', true, 'mainnet', '1.0.0', NULL, '2026-11-29 15:17:38.41064+00', NULL, 'live', '2026-11-29 15:17:38.492846+00', 0, NULL, NULL, 0, 0, 11, '\x620000000000000000000000000000000000000000000000000000000000000b', NULL, '2026-11-29 15:17:38.517552+00', NULL, NULL, 12, 1, '{}', '{}', 0, '2026-11-29 15:17:38.492849+00', true, 0, NULL, NULL, '{0,1,0,0}'),
	(3, 2, 'logs', NULL, 'keyed', 'logs', 'transaction', 'keyed.logs', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}]', true, 'mainnet', '1.0.0', NULL, '2026-11-29 15:17:38.53833+00', NULL, 'live', '2026-11-29 15:17:38.574901+00', 0, NULL, NULL, 0, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL, '2026-11-29 15:17:38.572474+00', NULL, NULL, 10, 0, '{}', '{}', 0, '2026-11-29 15:17:38.574903+00', true, 0, NULL, NULL, '{0,0,0,0}'),
	(4, 3, 'blocks', NULL, 'paused', 'blocks', 'content', 'paused.blocks', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}]', true, 'mainnet', '1.0.0', NULL, '2026-11-29 15:17:38.583298+00', NULL, 'paused', '2026-11-29 15:17:38.625964+00', 0, NULL, NULL, 0, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL, '2026-11-29 15:17:38.616199+00', NULL, NULL, 10, 0, '{}', '{}', 0, '2026-11-29 15:17:38.618737+00', true, 0, NULL, NULL, '{0,0,0,0}'),
	(5, 4, 'blocks', NULL, 'failed', 'blocks', 'content', 'failed.blocks', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}]', true, 'mainnet', '1.0.0', NULL, '2026-11-29 15:17:38.632864+00', NULL, 'failed', '2026-11-29 15:17:38.672079+00', 1, NULL, '{"code": "SY201", "hint": "select 1;", "detail": "while testing", "message": "it broke"}', 0, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL, '2026-11-29 15:17:38.665918+00', NULL, NULL, 10, 0, '{}', '{}', 0, '2026-11-29 15:17:38.668372+00', true, 0, NULL, NULL, '{0,0,0,0}'),
	(6, 5, 'blocks', NULL, 'retrying', 'blocks', 'content', 'retrying.blocks', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}]', true, 'mainnet', '1.0.0', NULL, '2026-11-29 15:17:38.679752+00', NULL, 'retrying', '2026-11-29 15:17:38.719354+00', 1, '2026-11-29 15:17:39.529612+00', '{"code": "SY104", "hint": "select 1;", "detail": "while testing", "message": "it broke"}', 0, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL, '2026-11-29 15:17:38.71394+00', NULL, NULL, 10, 0, '{}', '{}', 0, '2026-11-29 15:17:38.716357+00', true, 0, NULL, NULL, '{0,0,0,0}'),
	(7, 6, 'blocks', NULL, 'resyncing', 'blocks', 'content', 'resyncing.blocks', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}]', true, 'mainnet', '1.0.0', NULL, '2026-11-29 15:17:38.727955+00', NULL, 'resyncing', '2026-11-29 15:17:38.773677+00', 0, NULL, NULL, 0, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL, '2026-11-29 15:17:38.769049+00', NULL, NULL, 10, 0, '{}', '{}', 0, NULL, true, 0, NULL, NULL, '{0,0,0,0}'),
	(8, 6, 'blocks', 7, 'ampsync_private', 'shadow_7', 'content', 'ampsync_private.shadow_7', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}]', true, 'mainnet', '1.0.0', NULL, '2026-11-29 15:17:38.773995+00', NULL, 'backfill', '2026-11-29 15:17:38.803693+00', 0, NULL, NULL, 0, 0, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL, '2026-11-29 15:17:38.803693+00', '2026-11-29 15:17:38.780424+00', NULL, 5, 0, '{}', '{}', 0, NULL, true, 0, NULL, NULL, '{0,0,0,0}'),
	(9, 7, 'blocks', NULL, 'upgraded', 'blocks', 'content', 'upgraded.blocks', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "size", "type": "bigint", "not_null": false}]', true, 'mainnet', '2.0.0', NULL, '2026-11-29 15:17:39.098376+00', NULL, 'backfill', '2026-11-29 15:17:39.094754+00', 0, NULL, NULL, 0, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL, '2026-11-29 15:17:39.094757+00', NULL, NULL, 10, 1, '{}', '{}', 0, '2026-11-29 15:17:38.841567+00', true, 0, NULL, NULL, '{0,0,0,0}'),
	(10, 7, 'logs', NULL, 'upgraded', 'logs', 'content', 'upgraded.logs', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}]', true, 'mainnet', '2.0.0', NULL, '2026-11-29 15:17:39.098376+00', NULL, 'backfill', '2026-11-29 15:17:39.09701+00', 0, NULL, NULL, 0, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL, '2026-11-29 15:17:39.097013+00', NULL, NULL, 10, 1, '{}', '{}', 0, '2026-11-29 15:17:38.869533+00', true, 0, NULL, NULL, '{0,0,0,0}'),
	(13, 7, 'blocks', 9, 'ampsync_private', 'former_9', 'content', 'ampsync_private.former_9', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}]', true, 'mainnet', '1.0.0', NULL, '2026-11-29 15:17:38.811826+00', NULL, 'former', '2026-11-29 15:17:39.093643+00', 0, NULL, NULL, 0, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL, '2026-11-29 15:17:38.839028+00', NULL, NULL, 10, 0, '{}', '{}', 0, NULL, true, 0, NULL, NULL, '{0,0,0,0}'),
	(14, 7, 'logs', 10, 'ampsync_private', 'former_10', 'content', 'ampsync_private.former_10', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}]', true, 'mainnet', '1.0.0', NULL, '2026-11-29 15:17:38.813497+00', NULL, 'former', '2026-11-29 15:17:39.096352+00', 0, NULL, NULL, 0, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL, '2026-11-29 15:17:38.868244+00', NULL, NULL, 10, 0, '{}', '{}', 0, NULL, true, 0, NULL, NULL, '{0,0,0,0}'),
	(17, 8, 'blocks', NULL, 'upgrading', 'blocks', 'content', 'upgrading.blocks', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}]', true, 'mainnet', '1.0.0', NULL, '2026-11-29 15:17:39.109288+00', NULL, 'live', '2026-11-29 15:17:39.136997+00', 0, NULL, NULL, 0, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL, '2026-11-29 15:17:39.134597+00', NULL, NULL, 10, 0, '{}', '{}', 0, '2026-11-29 15:17:39.137+00', true, 0, NULL, NULL, '{0,0,0,0}'),
	(18, 8, 'logs', NULL, 'upgrading', 'logs', 'content', 'upgrading.logs', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}]', true, 'mainnet', '1.0.0', NULL, '2026-11-29 15:17:39.110262+00', NULL, 'live', '2026-11-29 15:17:39.164893+00', 0, NULL, NULL, 0, 0, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL, '2026-11-29 15:17:39.163597+00', NULL, NULL, 10, 0, '{}', '{}', 0, '2026-11-29 15:17:39.164895+00', true, 0, NULL, NULL, '{0,0,0,0}'),
	(19, 8, 'blocks', 17, 'ampsync_private', 'shadow_17', 'content', 'ampsync_private.shadow_17', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "size", "type": "bigint", "not_null": false}]', true, 'mainnet', '2.0.0', NULL, '2026-11-29 15:17:39.239542+00', NULL, 'backfill', '2026-11-29 15:17:39.268006+00', 0, NULL, NULL, 0, 0, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL, '2026-11-29 15:17:39.268006+00', '2026-11-29 15:17:39.244406+00', NULL, 5, 0, '{}', '{}', 0, NULL, true, 0, NULL, NULL, '{0,0,0,0}'),
	(20, 8, 'logs', 18, 'ampsync_private', 'shadow_18', 'content', 'ampsync_private.shadow_18', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}]', true, 'mainnet', '2.0.0', NULL, '2026-11-29 15:17:39.241133+00', NULL, 'backfill', '2026-11-29 15:17:39.283609+00', 0, NULL, NULL, 0, 0, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL, '2026-11-29 15:17:39.283609+00', '2026-11-29 15:17:39.271537+00', NULL, 5, 0, '{}', '{}', 0, NULL, true, 0, NULL, NULL, '{0,0,0,0}'),
	(21, 9, 'blocks', NULL, 'rejecting', 'blocks', 'content', 'rejecting.blocks', '[{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}]', true, 'mainnet', '1.0.0', NULL, '2026-11-29 15:17:39.290564+00', NULL, 'backfill', '2026-11-29 15:17:39.315082+00', 0, NULL, NULL, 0, 0, 11, '\x610000000000000000000000000000000000000000000000000000000000000b', NULL, '2026-11-29 15:17:39.327778+00', '2026-11-29 15:17:39.298009+00', NULL, 12, 0, '{}', '{"note": 2}', 0, NULL, true, 0, NULL, NULL, '{0,0,0,0}'),
	(22, 12, 'sums', NULL, 'derived', 'sums', 'content', NULL, NULL, NULL, NULL, NULL, '06829c3884659a0bfc708d3542022743adfe8cea86d59efe1988b73e3d2f6853', '2026-11-29 15:17:39.339946+00', 'select count(*) as n from logs', 'waiting', '2026-11-29 15:17:39.337953+00', 0, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, '{}', '{}', 0, NULL, true, 0, NULL, NULL, '{0,0,0,0}');
INSERT INTO ampsync_private.target_index VALUES
	(2, 'btree', '{_block_num}', '{0}', 1, NULL, NULL, NULL, 'waiting', '2026-11-29 15:17:38.483976+00', 0, NULL, NULL),
	(1, 'btree', '{_block_num}', '{0}', 1, 'blocks__block_num_idx', 17350, 20557, 'valid', '2026-11-29 15:17:38.52553+00', 0, NULL, NULL),
	(3, 'btree', '{_block_num}', '{0}', 1, NULL, NULL, NULL, 'waiting', '2026-11-29 15:17:38.564152+00', 0, NULL, NULL),
	(4, 'btree', '{_block_num}', '{0}', 1, NULL, NULL, NULL, 'waiting', '2026-11-29 15:17:38.608204+00', 0, NULL, NULL),
	(5, 'btree', '{_block_num}', '{0}', 1, NULL, NULL, NULL, 'waiting', '2026-11-29 15:17:38.657808+00', 0, NULL, NULL),
	(6, 'btree', '{_block_num}', '{0}', 1, NULL, NULL, NULL, 'waiting', '2026-11-29 15:17:38.70571+00', 0, NULL, NULL),
	(7, 'btree', '{_block_num}', '{0}', 1, NULL, NULL, NULL, 'waiting', '2026-11-29 15:17:38.75429+00', 0, NULL, NULL),
	(9, 'btree', '{_block_num}', '{0}', 1, NULL, NULL, NULL, 'waiting', '2026-11-29 15:17:38.832787+00', 0, NULL, NULL),
	(10, 'btree', '{_block_num}', '{0}', 1, NULL, NULL, NULL, 'waiting', '2026-11-29 15:17:38.862289+00', 0, NULL, NULL),
	(17, 'btree', '{_block_num}', '{0}', 1, NULL, NULL, NULL, 'waiting', '2026-11-29 15:17:39.128722+00', 0, NULL, NULL),
	(18, 'btree', '{_block_num}', '{0}', 1, NULL, NULL, NULL, 'waiting', '2026-11-29 15:17:39.157329+00', 0, NULL, NULL),
	(21, 'btree', '{_block_num}', '{0}', 1, NULL, NULL, NULL, 'waiting', '2026-11-29 15:17:39.308994+00', 0, NULL, NULL);
INSERT INTO ampsync_private.upgrade VALUES
	(8, '2.0.0', NULL, '[{"table": "blocks", "columns": [{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "size", "type": "bigint", "not_null": false}], "network": "mainnet", "has_block_num": true}, {"table": "logs", "columns": [{"name": "block_hash", "type": "bytea", "not_null": true}, {"name": "note", "type": "text", "not_null": false}], "network": "mainnet", "has_block_num": true}]', NULL, '2026-11-29 15:17:39.238144+00', NULL, 0, 0, NULL, NULL);
INSERT INTO ampsync_private.version_history VALUES
	(1, 0, '1.0.0', NULL, '2026-11-29 15:17:38.42841+00'),
	(2, 0, '1.0.0', NULL, '2026-11-29 15:17:38.471802+00'),
	(3, 0, '1.0.0', NULL, '2026-11-29 15:17:38.548961+00'),
	(4, 0, '1.0.0', NULL, '2026-11-29 15:17:38.593999+00'),
	(5, 0, '1.0.0', NULL, '2026-11-29 15:17:38.643244+00'),
	(6, 0, '1.0.0', NULL, '2026-11-29 15:17:38.69105+00'),
	(7, 0, '1.0.0', NULL, '2026-11-29 15:17:38.739462+00'),
	(8, 0, '1.0.0', NULL, '2026-11-29 15:17:38.780282+00'),
	(13, 0, '1.0.0', NULL, '2026-11-29 15:17:38.821635+00'),
	(9, 0, '2.0.0', NULL, '2026-11-29 15:17:38.951458+00'),
	(14, 0, '1.0.0', NULL, '2026-11-29 15:17:38.850142+00'),
	(10, 0, '2.0.0', NULL, '2026-11-29 15:17:38.977968+00'),
	(17, 0, '1.0.0', NULL, '2026-11-29 15:17:39.117105+00'),
	(18, 0, '1.0.0', NULL, '2026-11-29 15:17:39.145192+00'),
	(19, 0, '2.0.0', NULL, '2026-11-29 15:17:39.244342+00'),
	(20, 0, '2.0.0', NULL, '2026-11-29 15:17:39.271466+00'),
	(21, 0, '1.0.0', NULL, '2026-11-29 15:17:39.297938+00');
INSERT INTO ampsync_private.worker VALUES
	('worker-1', '2026-11-29 15:17:39.348748+00', '2026-11-29 15:17:39.348748+00', true, NULL, NULL, NULL, NULL, NULL);
INSERT INTO failed.blocks VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL),
	('\x00000000000584e8120b7ed0af7e2845', 5, 5, 5, '\x6100000000000000000000000000000000000000000000000000000000000005', NULL),
	('\x0000000000065f05cda27bfb262d4173', 6, 6, 6, '\x6100000000000000000000000000000000000000000000000000000000000006', NULL),
	('\x000000000007fb4297d0fffa2dbf62b9', 7, 7, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', NULL),
	('\x000000000008a7875c0315bb641c3013', 8, 8, 8, '\x6100000000000000000000000000000000000000000000000000000000000008', NULL),
	('\x00000000000931be14f1dcecaa2784e0', 9, 9, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL);
INSERT INTO graphile_worker._private_jobs OVERRIDING SYSTEM VALUE VALUES
	(1, NULL, 1, '{"dataset_id" : "1"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_resolve:1', NULL, NULL, 0, NULL, DEFAULT),
	(2, NULL, 2, '{}', 0, '2026-11-29 15:17:38.402939+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_supervise', NULL, NULL, 0, NULL, DEFAULT),
	(3, NULL, 3, '{"stream_id" : "1"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:1', NULL, NULL, 0, '{"ampsync_pass": true}', DEFAULT),
	(4, NULL, 3, '{"stream_id" : "2"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:2', NULL, NULL, 0, '{"ampsync_pass": true}', DEFAULT),
	(5, NULL, 4, '{"dataset_id" : "1"}', 0, '2026-11-29 15:17:43.414404+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_poll:1', NULL, NULL, 0, NULL, DEFAULT),
	(6, NULL, 5, '{"stream_id" : "1"}', 0, '2026-11-29 15:17:38.464833+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_index:1', NULL, NULL, 0, NULL, DEFAULT),
	(7, NULL, 5, '{"stream_id" : "2"}', 0, '2026-11-29 15:17:38.4948+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_index:2', NULL, NULL, 0, NULL, DEFAULT),
	(8, NULL, 1, '{"dataset_id" : "2"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_resolve:2', NULL, NULL, 0, NULL, DEFAULT),
	(9, NULL, 3, '{"stream_id" : "3"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:3', NULL, NULL, 0, '{"ampsync_pass": true}', DEFAULT),
	(10, NULL, 4, '{"dataset_id" : "2"}', 0, '2026-11-29 15:17:43.541091+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_poll:2', NULL, NULL, 0, NULL, DEFAULT),
	(11, NULL, 5, '{"stream_id" : "3"}', 0, '2026-11-29 15:17:38.576907+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_index:3', NULL, NULL, 0, NULL, DEFAULT),
	(12, NULL, 1, '{"dataset_id" : "3"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_resolve:3', NULL, NULL, 0, NULL, DEFAULT),
	(13, NULL, 3, '{"stream_id" : "4"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:4', NULL, NULL, 0, '{"ampsync_pass": true}', DEFAULT),
	(14, NULL, 4, '{"dataset_id" : "3"}', 0, '2026-11-29 15:17:43.586334+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_poll:3', NULL, NULL, 0, NULL, DEFAULT),
	(15, NULL, 5, '{"stream_id" : "4"}', 0, '2026-11-29 15:17:38.620606+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_index:4', NULL, NULL, 0, NULL, DEFAULT),
	(16, NULL, 1, '{"dataset_id" : "4"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_resolve:4', NULL, NULL, 0, NULL, DEFAULT),
	(17, NULL, 3, '{"stream_id" : "5"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:5', NULL, NULL, 0, '{"ampsync_pass": true}', DEFAULT),
	(18, NULL, 4, '{"dataset_id" : "4"}', 0, '2026-11-29 15:17:43.635841+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_poll:4', NULL, NULL, 0, NULL, DEFAULT),
	(19, NULL, 5, '{"stream_id" : "5"}', 0, '2026-11-29 15:17:38.670454+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_index:5', NULL, NULL, 0, NULL, DEFAULT),
	(20, NULL, 1, '{"dataset_id" : "5"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_resolve:5', NULL, NULL, 0, NULL, DEFAULT),
	(22, NULL, 4, '{"dataset_id" : "5"}', 0, '2026-11-29 15:17:43.682825+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_poll:5', NULL, NULL, 0, NULL, DEFAULT),
	(23, NULL, 5, '{"stream_id" : "6"}', 0, '2026-11-29 15:17:38.718277+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_index:6', NULL, NULL, 0, NULL, DEFAULT),
	(21, NULL, 3, '{"stream_id" : "6"}', 0, '2026-11-29 15:17:39.529612+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:6', NULL, NULL, 1, '{"ampsync_pass": true}', DEFAULT),
	(25, NULL, 1, '{"dataset_id" : "6"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_resolve:6', NULL, NULL, 0, NULL, DEFAULT),
	(26, NULL, 3, '{"stream_id" : "7"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:7', NULL, NULL, 0, '{"ampsync_pass": true}', DEFAULT),
	(27, NULL, 4, '{"dataset_id" : "6"}', 0, '2026-11-29 15:17:43.731024+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_poll:6', NULL, NULL, 0, NULL, DEFAULT),
	(28, NULL, 3, '{"stream_id" : "8"}', 0, '2026-11-29 15:17:38.773195+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:8', NULL, NULL, 0, '{"ampsync_pass": true}', DEFAULT),
	(29, NULL, 1, '{"dataset_id" : "7"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_resolve:7', NULL, NULL, 0, NULL, DEFAULT),
	(32, NULL, 4, '{"dataset_id" : "7"}', 0, '2026-11-29 15:17:43.815208+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_poll:7', NULL, NULL, 0, NULL, DEFAULT),
	(33, NULL, 5, '{"stream_id" : "9"}', 0, '2026-11-29 15:17:38.84341+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_index:9', NULL, NULL, 0, NULL, DEFAULT),
	(34, NULL, 5, '{"stream_id" : "10"}', 0, '2026-11-29 15:17:38.871249+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_index:10', NULL, NULL, 0, NULL, DEFAULT),
	(35, NULL, 3, '{"stream_id" : "11"}', 0, '2026-11-29 15:17:38.946038+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:11', NULL, NULL, 0, '{"ampsync_pass": true}', DEFAULT),
	(36, NULL, 3, '{"stream_id" : "12"}', 0, '2026-11-29 15:17:38.947661+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:12', NULL, NULL, 0, '{"ampsync_pass": true}', DEFAULT),
	(37, NULL, 6, '{"dataset_id" : "7"}', 0, '2026-11-29 15:17:40.006055+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_upgrade:7', NULL, NULL, 1, NULL, DEFAULT),
	(30, NULL, 3, '{"stream_id" : "9"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:9', NULL, NULL, 1, '{"ampsync_pass": true}', DEFAULT),
	(31, NULL, 3, '{"stream_id" : "10"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:10', NULL, NULL, 1, '{"ampsync_pass": true}', DEFAULT),
	(41, NULL, 1, '{"dataset_id" : "8"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_resolve:8', NULL, NULL, 0, NULL, DEFAULT),
	(42, NULL, 3, '{"stream_id" : "17"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:17', NULL, NULL, 0, '{"ampsync_pass": true}', DEFAULT),
	(43, NULL, 3, '{"stream_id" : "18"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:18', NULL, NULL, 0, '{"ampsync_pass": true}', DEFAULT),
	(44, NULL, 4, '{"dataset_id" : "8"}', 0, '2026-11-29 15:17:44.111945+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_poll:8', NULL, NULL, 0, NULL, DEFAULT),
	(45, NULL, 5, '{"stream_id" : "17"}', 0, '2026-11-29 15:17:39.138783+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_index:17', NULL, NULL, 0, NULL, DEFAULT),
	(46, NULL, 5, '{"stream_id" : "18"}', 0, '2026-11-29 15:17:39.166596+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_index:18', NULL, NULL, 0, NULL, DEFAULT),
	(47, NULL, 3, '{"stream_id" : "19"}', 0, '2026-11-29 15:17:39.239052+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:19', NULL, NULL, 0, '{"ampsync_pass": true}', DEFAULT),
	(48, NULL, 3, '{"stream_id" : "20"}', 0, '2026-11-29 15:17:39.240801+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:20', NULL, NULL, 0, '{"ampsync_pass": true}', DEFAULT),
	(49, NULL, 1, '{"dataset_id" : "9"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_resolve:9', NULL, NULL, 0, NULL, DEFAULT),
	(50, NULL, 3, '{"stream_id" : "21"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:21', NULL, NULL, 0, '{"ampsync_pass": true}', DEFAULT),
	(51, NULL, 4, '{"dataset_id" : "9"}', 0, '2026-11-29 15:17:44.292603+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_poll:9', NULL, NULL, 0, NULL, DEFAULT),
	(52, NULL, 1, '{"dataset_id" : "11"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_resolve:11', NULL, NULL, 0, NULL, DEFAULT),
	(53, NULL, 3, '{"stream_id" : "22"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_stream:22', NULL, NULL, 0, '{"ampsync_pass": true}', DEFAULT),
	(55, NULL, 7, '{"answer_id" : "1"}', 0, '2026-11-29 15:17:38.388906+00', 0, 25, NULL, '2026-11-29 15:17:38.388906+00', '2026-11-29 15:17:38.388906+00', 'ampsync_explain:1', NULL, NULL, 0, NULL, DEFAULT);
INSERT INTO graphile_worker._private_tasks OVERRIDING SYSTEM VALUE VALUES
	(1, 'ampsync_resolve'),
	(2, 'ampsync_supervise'),
	(3, 'ampsync_stream'),
	(4, 'ampsync_poll'),
	(5, 'ampsync_index'),
	(6, 'ampsync_upgrade'),
	(7, 'ampsync_explain');
INSERT INTO graphile_worker.migrations VALUES
	(1, '2026-11-29 15:17:38.063071+00', true),
	(2, '2026-11-29 15:17:38.072766+00', false),
	(3, '2026-11-29 15:17:38.075868+00', true),
	(4, '2026-11-29 15:17:38.077835+00', false),
	(5, '2026-11-29 15:17:38.079366+00', false),
	(6, '2026-11-29 15:17:38.080952+00', false),
	(7, '2026-11-29 15:17:38.082856+00', false),
	(8, '2026-11-29 15:17:38.084722+00', false),
	(9, '2026-11-29 15:17:38.0879+00', false),
	(10, '2026-11-29 15:17:38.08926+00', false),
	(11, '2026-11-29 15:17:38.090068+00', true),
	(12, '2026-11-29 15:17:38.113051+00', false),
	(13, '2026-11-29 15:17:38.114388+00', true),
	(14, '2026-11-29 15:17:38.11581+00', true),
	(15, '2026-11-29 15:17:38.116938+00', false),
	(16, '2026-11-29 15:17:38.118147+00', true),
	(17, '2026-11-29 15:17:38.120454+00', false),
	(18, '2026-11-29 15:17:38.122086+00', false),
	(19, '2026-11-29 15:17:38.12364+00', true),
	(20, '2026-11-29 15:17:38.124353+00', false);
INSERT INTO keyed.logs VALUES
	(4294967296, 0, 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	(4294967296, 1, 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	(4294967296, 2, 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	(4294967296, 3, 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	(4294967296, 4, 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL),
	(4294967296, 5, 5, 5, 5, '\x6100000000000000000000000000000000000000000000000000000000000005', NULL),
	(4294967296, 6, 6, 6, 6, '\x6100000000000000000000000000000000000000000000000000000000000006', NULL),
	(4294967296, 7, 7, 7, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', NULL),
	(4294967296, 8, 8, 8, 8, '\x6100000000000000000000000000000000000000000000000000000000000008', NULL),
	(4294967296, 9, 9, 9, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL);
INSERT INTO live.blocks VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL),
	('\x00000000000584e8120b7ed0af7e2845', 5, 5, 5, '\x6100000000000000000000000000000000000000000000000000000000000005', NULL),
	('\x0000000000065f05cda27bfb262d4173', 6, 6, 6, '\x6100000000000000000000000000000000000000000000000000000000000006', NULL),
	('\x000000000007fb4297d0fffa2dbf62b9', 7, 7, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', NULL),
	('\x000000000008d71b63b68ea5f71bb654', 8, 8, 8, '\x6200000000000000000000000000000000000000000000000000000000000008', NULL),
	('\x000000000009e23de77e51b33ce8fc26', 9, 9, 9, '\x6200000000000000000000000000000000000000000000000000000000000009', NULL),
	('\x00000000000a41da68643a49939f371b', 10, 10, 10, '\x620000000000000000000000000000000000000000000000000000000000000a', NULL),
	('\x00000000000bb480e0aaacf3dd1927a2', 11, 11, 11, '\x620000000000000000000000000000000000000000000000000000000000000b', NULL);
INSERT INTO live.logs VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL),
	('\x00000000000584e8120b7ed0af7e2845', 5, 5, 5, '\x6100000000000000000000000000000000000000000000000000000000000005', NULL),
	('\x0000000000065f05cda27bfb262d4173', 6, 6, 6, '\x6100000000000000000000000000000000000000000000000000000000000006', NULL),
	('\x000000000007fb4297d0fffa2dbf62b9', 7, 7, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', NULL),
	('\x000000000008d71b63b68ea5f71bb654', 8, 8, 8, '\x6200000000000000000000000000000000000000000000000000000000000008', NULL),
	('\x000000000009e23de77e51b33ce8fc26', 9, 9, 9, '\x6200000000000000000000000000000000000000000000000000000000000009', NULL),
	('\x00000000000a41da68643a49939f371b', 10, 10, 10, '\x620000000000000000000000000000000000000000000000000000000000000a', NULL),
	('\x00000000000bb480e0aaacf3dd1927a2', 11, 11, 11, '\x620000000000000000000000000000000000000000000000000000000000000b', NULL);
INSERT INTO paused.blocks VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL),
	('\x00000000000584e8120b7ed0af7e2845', 5, 5, 5, '\x6100000000000000000000000000000000000000000000000000000000000005', NULL),
	('\x0000000000065f05cda27bfb262d4173', 6, 6, 6, '\x6100000000000000000000000000000000000000000000000000000000000006', NULL),
	('\x000000000007fb4297d0fffa2dbf62b9', 7, 7, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', NULL),
	('\x000000000008a7875c0315bb641c3013', 8, 8, 8, '\x6100000000000000000000000000000000000000000000000000000000000008', NULL),
	('\x00000000000931be14f1dcecaa2784e0', 9, 9, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL);
INSERT INTO rejecting.blocks VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL),
	('\x00000000000584e8120b7ed0af7e2845', 5, 5, 5, '\x6100000000000000000000000000000000000000000000000000000000000005', NULL),
	('\x0000000000065f05cda27bfb262d4173', 6, 6, 6, '\x6100000000000000000000000000000000000000000000000000000000000006', NULL),
	('\x000000000007fb4297d0fffa2dbf62b9', 7, 7, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', NULL),
	('\x000000000008a7875c0315bb641c3013', 8, 8, 8, '\x6100000000000000000000000000000000000000000000000000000000000008', NULL),
	('\x00000000000931be14f1dcecaa2784e0', 9, 9, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL),
	('\x00000000000a8fce87bd072f91d379c3', 10, 10, 10, '\x610000000000000000000000000000000000000000000000000000000000000a', NULL),
	('\x00000000000b5bb6d629df7a7c1912a0', 11, 11, 11, '\x610000000000000000000000000000000000000000000000000000000000000b', NULL);
INSERT INTO resyncing.blocks VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL),
	('\x00000000000584e8120b7ed0af7e2845', 5, 5, 5, '\x6100000000000000000000000000000000000000000000000000000000000005', NULL),
	('\x0000000000065f05cda27bfb262d4173', 6, 6, 6, '\x6100000000000000000000000000000000000000000000000000000000000006', NULL),
	('\x000000000007fb4297d0fffa2dbf62b9', 7, 7, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', NULL),
	('\x000000000008a7875c0315bb641c3013', 8, 8, 8, '\x6100000000000000000000000000000000000000000000000000000000000008', NULL),
	('\x00000000000931be14f1dcecaa2784e0', 9, 9, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL);
INSERT INTO retrying.blocks VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL),
	('\x00000000000584e8120b7ed0af7e2845', 5, 5, 5, '\x6100000000000000000000000000000000000000000000000000000000000005', NULL),
	('\x0000000000065f05cda27bfb262d4173', 6, 6, 6, '\x6100000000000000000000000000000000000000000000000000000000000006', NULL),
	('\x000000000007fb4297d0fffa2dbf62b9', 7, 7, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', NULL),
	('\x000000000008a7875c0315bb641c3013', 8, 8, 8, '\x6100000000000000000000000000000000000000000000000000000000000008', NULL),
	('\x00000000000931be14f1dcecaa2784e0', 9, 9, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL);
INSERT INTO upgraded.blocks VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL),
	('\x00000000000584e8120b7ed0af7e2845', 5, 5, 5, '\x6100000000000000000000000000000000000000000000000000000000000005', NULL),
	('\x0000000000065f05cda27bfb262d4173', 6, 6, 6, '\x6100000000000000000000000000000000000000000000000000000000000006', NULL),
	('\x000000000007fb4297d0fffa2dbf62b9', 7, 7, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', NULL),
	('\x000000000008a7875c0315bb641c3013', 8, 8, 8, '\x6100000000000000000000000000000000000000000000000000000000000008', NULL),
	('\x00000000000931be14f1dcecaa2784e0', 9, 9, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL);
INSERT INTO upgraded.logs VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL),
	('\x00000000000584e8120b7ed0af7e2845', 5, 5, 5, '\x6100000000000000000000000000000000000000000000000000000000000005', NULL),
	('\x0000000000065f05cda27bfb262d4173', 6, 6, 6, '\x6100000000000000000000000000000000000000000000000000000000000006', NULL),
	('\x000000000007fb4297d0fffa2dbf62b9', 7, 7, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', NULL),
	('\x000000000008a7875c0315bb641c3013', 8, 8, 8, '\x6100000000000000000000000000000000000000000000000000000000000008', NULL),
	('\x00000000000931be14f1dcecaa2784e0', 9, 9, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL);
INSERT INTO upgrading.blocks VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL),
	('\x00000000000584e8120b7ed0af7e2845', 5, 5, 5, '\x6100000000000000000000000000000000000000000000000000000000000005', NULL),
	('\x0000000000065f05cda27bfb262d4173', 6, 6, 6, '\x6100000000000000000000000000000000000000000000000000000000000006', NULL),
	('\x000000000007fb4297d0fffa2dbf62b9', 7, 7, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', NULL),
	('\x000000000008a7875c0315bb641c3013', 8, 8, 8, '\x6100000000000000000000000000000000000000000000000000000000000008', NULL),
	('\x00000000000931be14f1dcecaa2784e0', 9, 9, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL);
INSERT INTO upgrading.logs VALUES
	('\x000000000000ca0cfe586c9629c859a9', 0, 0, 0, '\x6100000000000000000000000000000000000000000000000000000000000000', NULL),
	('\x0000000000018f86f4e94f679fbf6a8c', 1, 1, 1, '\x6100000000000000000000000000000000000000000000000000000000000001', NULL),
	('\x00000000000212e4e284818db386608e', 2, 2, 2, '\x6100000000000000000000000000000000000000000000000000000000000002', NULL),
	('\x00000000000357105d8943e58087e11c', 3, 3, 3, '\x6100000000000000000000000000000000000000000000000000000000000003', NULL),
	('\x000000000004363ef7e5c3bb4112bc0f', 4, 4, 4, '\x6100000000000000000000000000000000000000000000000000000000000004', NULL),
	('\x00000000000584e8120b7ed0af7e2845', 5, 5, 5, '\x6100000000000000000000000000000000000000000000000000000000000005', NULL),
	('\x0000000000065f05cda27bfb262d4173', 6, 6, 6, '\x6100000000000000000000000000000000000000000000000000000000000006', NULL),
	('\x000000000007fb4297d0fffa2dbf62b9', 7, 7, 7, '\x6100000000000000000000000000000000000000000000000000000000000007', NULL),
	('\x000000000008a7875c0315bb641c3013', 8, 8, 8, '\x6100000000000000000000000000000000000000000000000000000000000008', NULL),
	('\x00000000000931be14f1dcecaa2784e0', 9, 9, 9, '\x6100000000000000000000000000000000000000000000000000000000000009', NULL);
SELECT pg_catalog.setval('ampsync_private.answer_answer_id_seq', 1, true);
SELECT pg_catalog.setval('ampsync_private.dataset_dataset_id_seq', 13, true);
SELECT pg_catalog.setval('ampsync_private.event_event_id_seq', 55, true);
SELECT pg_catalog.setval('ampsync_private.reject_reject_id_seq', 1, true);
SELECT pg_catalog.setval('ampsync_private.stream_stream_id_seq', 22, true);
SELECT pg_catalog.setval('ampsync_private.tx_id_seq', 4294967296, true);
SELECT pg_catalog.setval('graphile_worker.job_queues_id_seq', 1, false);
SELECT pg_catalog.setval('graphile_worker.jobs_id_seq1', 55, true);
SELECT pg_catalog.setval('graphile_worker.tasks_id_seq', 7, true);
ALTER TABLE ONLY ampsync_private.answer
    ADD CONSTRAINT answer_pkey PRIMARY KEY (answer_id);
ALTER TABLE ONLY ampsync_private.former_9
    ADD CONSTRAINT blocks_pkey PRIMARY KEY (_id);
ALTER TABLE ONLY ampsync_private.dataset
    ADD CONSTRAINT dataset_pkey PRIMARY KEY (dataset_id);
ALTER TABLE ONLY ampsync_private.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (event_id);
ALTER TABLE ONLY ampsync_private.former
    ADD CONSTRAINT former_pkey PRIMARY KEY (dataset_id);
ALTER TABLE ONLY ampsync_private.head
    ADD CONSTRAINT head_pkey PRIMARY KEY (dataset_id, network);
ALTER TABLE ONLY ampsync_private.history
    ADD CONSTRAINT history_pkey PRIMARY KEY (stream_id, last_block);
ALTER TABLE ONLY ampsync_private.lease
    ADD CONSTRAINT lease_pkey PRIMARY KEY (stream_id);
ALTER TABLE ONLY ampsync_private.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (stream_id, last_block);
ALTER TABLE ONLY ampsync_private.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (name);
ALTER TABLE ONLY ampsync_private.queue
    ADD CONSTRAINT queue_pkey PRIMARY KEY (schema_name);
ALTER TABLE ONLY ampsync_private.reject
    ADD CONSTRAINT reject_pkey PRIMARY KEY (reject_id);
ALTER TABLE ONLY ampsync_private.repair
    ADD CONSTRAINT repair_pkey PRIMARY KEY (stream_id, first_block);
ALTER TABLE ONLY ampsync_private.retention
    ADD CONSTRAINT retention_pkey PRIMARY KEY (only_row);
ALTER TABLE ONLY ampsync_private.former_10
    ADD CONSTRAINT shadow_10_pkey PRIMARY KEY (_id);
ALTER TABLE ONLY ampsync_private.shadow_17
    ADD CONSTRAINT shadow_17_pkey PRIMARY KEY (_id);
ALTER TABLE ONLY ampsync_private.shadow_18
    ADD CONSTRAINT shadow_18_pkey PRIMARY KEY (_id);
ALTER TABLE ONLY ampsync_private.shadow_7
    ADD CONSTRAINT shadow_7_pkey PRIMARY KEY (_id);
ALTER TABLE ONLY ampsync_private.source
    ADD CONSTRAINT source_pkey PRIMARY KEY (name);
ALTER TABLE ONLY ampsync_private.stream
    ADD CONSTRAINT stream_pkey PRIMARY KEY (stream_id);
ALTER TABLE ONLY ampsync_private.stream
    ADD CONSTRAINT stream_target_key UNIQUE (target_schema, target_table);
ALTER TABLE ONLY ampsync_private.target_index
    ADD CONSTRAINT target_index_pkey PRIMARY KEY (stream_id, method, columns, options);
ALTER TABLE ONLY ampsync_private.upgrade
    ADD CONSTRAINT upgrade_pkey PRIMARY KEY (dataset_id);
ALTER TABLE ONLY ampsync_private.version_history
    ADD CONSTRAINT version_history_pkey PRIMARY KEY (stream_id, first_block);
ALTER TABLE ONLY ampsync_private.worker
    ADD CONSTRAINT worker_pkey PRIMARY KEY (worker_id);
ALTER TABLE ONLY failed.blocks
    ADD CONSTRAINT blocks_pkey PRIMARY KEY (_id);
ALTER TABLE ONLY graphile_worker._private_job_queues
    ADD CONSTRAINT job_queues_pkey1 PRIMARY KEY (id);
ALTER TABLE ONLY graphile_worker._private_job_queues
    ADD CONSTRAINT job_queues_queue_name_key UNIQUE (queue_name);
ALTER TABLE ONLY graphile_worker._private_jobs
    ADD CONSTRAINT jobs_key_key1 UNIQUE (key);
ALTER TABLE ONLY graphile_worker._private_jobs
    ADD CONSTRAINT jobs_pkey1 PRIMARY KEY (id);
ALTER TABLE ONLY graphile_worker._private_known_crontabs
    ADD CONSTRAINT known_crontabs_pkey PRIMARY KEY (identifier);
ALTER TABLE ONLY graphile_worker.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY graphile_worker._private_tasks
    ADD CONSTRAINT tasks_identifier_key UNIQUE (identifier);
ALTER TABLE ONLY graphile_worker._private_tasks
    ADD CONSTRAINT tasks_pkey PRIMARY KEY (id);
ALTER TABLE ONLY keyed.logs
    ADD CONSTRAINT logs_pkey PRIMARY KEY (_tx_id, _row_index);
ALTER TABLE ONLY live.blocks
    ADD CONSTRAINT blocks_pkey PRIMARY KEY (_id);
ALTER TABLE ONLY live.logs
    ADD CONSTRAINT logs_pkey PRIMARY KEY (_id);
ALTER TABLE ONLY paused.blocks
    ADD CONSTRAINT blocks_pkey PRIMARY KEY (_id);
ALTER TABLE ONLY rejecting.blocks
    ADD CONSTRAINT blocks_pkey PRIMARY KEY (_id);
ALTER TABLE ONLY resyncing.blocks
    ADD CONSTRAINT blocks_pkey PRIMARY KEY (_id);
ALTER TABLE ONLY retrying.blocks
    ADD CONSTRAINT blocks_pkey PRIMARY KEY (_id);
ALTER TABLE ONLY upgraded.blocks
    ADD CONSTRAINT blocks_pkey PRIMARY KEY (_id);
ALTER TABLE ONLY upgraded.logs
    ADD CONSTRAINT logs_pkey PRIMARY KEY (_id);
ALTER TABLE ONLY upgrading.blocks
    ADD CONSTRAINT blocks_pkey PRIMARY KEY (_id);
ALTER TABLE ONLY upgrading.logs
    ADD CONSTRAINT logs_pkey PRIMARY KEY (_id);
CREATE UNIQUE INDEX answer_reference_key ON ampsync_private.answer USING btree (namespace, name, COALESCE(revision, 'latest'::text));
CREATE UNIQUE INDEX dataset_reference_key ON ampsync_private.dataset USING btree (namespace, name, COALESCE(revision, 'latest'::text));
CREATE INDEX event_at_idx ON ampsync_private.event USING btree (at);
CREATE INDEX event_stream_idx ON ampsync_private.event USING btree (stream_id, event_id);
CREATE INDEX ledger_filled_idx ON ampsync_private.ledger USING btree (stream_id, last_block) WHERE (row_count > 0);
CREATE UNIQUE INDEX queue_current_key ON ampsync_private.queue USING btree (is_current) WHERE is_current;
CREATE INDEX reject_stream_block_idx ON ampsync_private.reject USING btree (stream_id, block);
CREATE UNIQUE INDEX stream_shadow_key ON ampsync_private.stream USING btree (shadow_of, ((state = 'former'::text)));
CREATE UNIQUE INDEX stream_table_key ON ampsync_private.stream USING btree (dataset_id, table_name) WHERE (shadow_of IS NULL);
CREATE INDEX jobs_main_index ON graphile_worker._private_jobs USING btree (priority, run_at) INCLUDE (id, task_id, job_queue_id) WHERE (is_available = true);
CREATE INDEX jobs_no_queue_index ON graphile_worker._private_jobs USING btree (priority, run_at) INCLUDE (id, task_id) WHERE ((is_available = true) AND (job_queue_id IS NULL));
CREATE INDEX logs__block_num_end_idx ON keyed.logs USING btree (_block_num_end);
CREATE INDEX blocks__block_num_idx ON live.blocks USING btree (_block_num);
ALTER TABLE ONLY ampsync_private.former
    ADD CONSTRAINT former_dataset_fkey FOREIGN KEY (dataset_id) REFERENCES ampsync_private.dataset(dataset_id) ON DELETE CASCADE;
ALTER TABLE ONLY ampsync_private.head
    ADD CONSTRAINT head_dataset_fkey FOREIGN KEY (dataset_id) REFERENCES ampsync_private.dataset(dataset_id) ON DELETE CASCADE;
ALTER TABLE ONLY ampsync_private.history
    ADD CONSTRAINT history_stream_fkey FOREIGN KEY (stream_id) REFERENCES ampsync_private.stream(stream_id) ON DELETE CASCADE;
ALTER TABLE ONLY ampsync_private.lease
    ADD CONSTRAINT lease_stream_fkey FOREIGN KEY (stream_id) REFERENCES ampsync_private.stream(stream_id) ON DELETE CASCADE;
ALTER TABLE ONLY ampsync_private.ledger
    ADD CONSTRAINT ledger_stream_fkey FOREIGN KEY (stream_id) REFERENCES ampsync_private.stream(stream_id) ON DELETE CASCADE;
ALTER TABLE ONLY ampsync_private.reject
    ADD CONSTRAINT reject_stream_fkey FOREIGN KEY (stream_id) REFERENCES ampsync_private.stream(stream_id) ON DELETE CASCADE;
ALTER TABLE ONLY ampsync_private.repair
    ADD CONSTRAINT repair_stream_fkey FOREIGN KEY (stream_id) REFERENCES ampsync_private.stream(stream_id) ON DELETE CASCADE;
ALTER TABLE ONLY ampsync_private.stream
    ADD CONSTRAINT stream_dataset_fkey FOREIGN KEY (dataset_id) REFERENCES ampsync_private.dataset(dataset_id);
ALTER TABLE ONLY ampsync_private.stream
    ADD CONSTRAINT stream_shadow_fkey FOREIGN KEY (shadow_of) REFERENCES ampsync_private.stream(stream_id) ON DELETE CASCADE;
ALTER TABLE ONLY ampsync_private.target_index
    ADD CONSTRAINT target_index_stream_fkey FOREIGN KEY (stream_id) REFERENCES ampsync_private.stream(stream_id) ON DELETE CASCADE;
ALTER TABLE ONLY ampsync_private.upgrade
    ADD CONSTRAINT upgrade_dataset_fkey FOREIGN KEY (dataset_id) REFERENCES ampsync_private.dataset(dataset_id) ON DELETE CASCADE;
ALTER TABLE ONLY ampsync_private.version_history
    ADD CONSTRAINT version_history_stream_fkey FOREIGN KEY (stream_id) REFERENCES ampsync_private.stream(stream_id) ON DELETE CASCADE;
ALTER TABLE graphile_worker._private_job_queues ENABLE ROW LEVEL SECURITY;
ALTER TABLE graphile_worker._private_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE graphile_worker._private_known_crontabs ENABLE ROW LEVEL SECURITY;
ALTER TABLE graphile_worker._private_tasks ENABLE ROW LEVEL SECURITY;
CREATE POLICY ampsync_worker ON graphile_worker._private_job_queues TO ampsync_worker USING (true) WITH CHECK (true);
CREATE POLICY ampsync_worker ON graphile_worker._private_jobs TO ampsync_worker USING (true) WITH CHECK (true);
CREATE POLICY ampsync_worker ON graphile_worker._private_known_crontabs TO ampsync_worker USING (true) WITH CHECK (true);
CREATE POLICY ampsync_worker ON graphile_worker._private_tasks TO ampsync_worker USING (true) WITH CHECK (true);
GRANT USAGE ON SCHEMA ampsync TO ampsync_admin;
GRANT USAGE ON SCHEMA ampsync TO ampsync_operator;
GRANT USAGE ON SCHEMA ampsync TO ampsync_reader;
GRANT USAGE ON SCHEMA ampsync TO ampsync_worker;
GRANT ALL ON SCHEMA ampsync_private TO ampsync_worker;
GRANT USAGE ON SCHEMA ampsync_worker TO ampsync_worker;
GRANT USAGE ON SCHEMA failed TO ampsync_reader;
GRANT USAGE ON SCHEMA graphile_worker TO ampsync_worker;
GRANT USAGE ON SCHEMA keyed TO ampsync_reader;
GRANT USAGE ON SCHEMA live TO ampsync_reader;
GRANT USAGE ON SCHEMA paused TO ampsync_reader;
GRANT USAGE ON SCHEMA rejecting TO ampsync_reader;
GRANT USAGE ON SCHEMA resyncing TO ampsync_reader;
GRANT USAGE ON SCHEMA retrying TO ampsync_reader;
GRANT USAGE ON SCHEMA upgraded TO ampsync_reader;
GRANT USAGE ON SCHEMA upgrading TO ampsync_reader;
REVOKE ALL ON FUNCTION ampsync.adopt(INOUT dataset text, target_schema text, OUT table_name text, OUT state text, OUT hint text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.adopt(INOUT dataset text, target_schema text, OUT table_name text, OUT state text, OUT hint text) TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.adopt(INOUT dataset text, target_schema text, OUT table_name text, OUT state text, OUT hint text) TO ampsync_operator;
REVOKE ALL ON FUNCTION ampsync.alter_sync(INOUT dataset text, tables text[], target_schema text, retention_blocks integer, on_deep_reorg text, value_policy text, nul_policy text, not_null boolean, rename jsonb, exclude_columns jsonb, from_block bigint, on_new_version text, block_index text, indexes jsonb, poll_interval interval, queries jsonb, identity text, OUT table_name text, OUT state text, OUT hint text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.alter_sync(INOUT dataset text, tables text[], target_schema text, retention_blocks integer, on_deep_reorg text, value_policy text, nul_policy text, not_null boolean, rename jsonb, exclude_columns jsonb, from_block bigint, on_new_version text, block_index text, indexes jsonb, poll_interval interval, queries jsonb, identity text, OUT table_name text, OUT state text, OUT hint text) TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.alter_sync(INOUT dataset text, tables text[], target_schema text, retention_blocks integer, on_deep_reorg text, value_policy text, nul_policy text, not_null boolean, rename jsonb, exclude_columns jsonb, from_block bigint, on_new_version text, block_index text, indexes jsonb, poll_interval interval, queries jsonb, identity text, OUT table_name text, OUT state text, OUT hint text) TO ampsync_operator;
REVOKE ALL ON FUNCTION ampsync.cancel_repair(dataset text, INOUT table_name text, OUT from_block bigint, OUT to_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.cancel_repair(dataset text, INOUT table_name text, OUT from_block bigint, OUT to_block bigint) TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.cancel_repair(dataset text, INOUT table_name text, OUT from_block bigint, OUT to_block bigint) TO ampsync_operator;
REVOKE ALL ON FUNCTION ampsync.cancel_resync(INOUT dataset text, INOUT table_name text, OUT state text, OUT hint text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.cancel_resync(INOUT dataset text, INOUT table_name text, OUT state text, OUT hint text) TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.cancel_resync(INOUT dataset text, INOUT table_name text, OUT state text, OUT hint text) TO ampsync_operator;
REVOKE ALL ON FUNCTION ampsync.cut(dataset text, network text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.cut(dataset text, network text) TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.cut(dataset text, network text) TO ampsync_operator;
GRANT ALL ON FUNCTION ampsync.cut(dataset text, network text) TO ampsync_reader;
GRANT ALL ON FUNCTION ampsync.cut(dataset text, network text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync.doctor() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.doctor() TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.doctor() TO ampsync_operator;
GRANT ALL ON FUNCTION ampsync.doctor() TO ampsync_reader;
GRANT ALL ON FUNCTION ampsync.doctor() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync.drop_sync(INOUT dataset text, drop_tables boolean, OUT table_name text, OUT state text, OUT hint text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.drop_sync(INOUT dataset text, drop_tables boolean, OUT table_name text, OUT state text, OUT hint text) TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.drop_sync(INOUT dataset text, drop_tables boolean, OUT table_name text, OUT state text, OUT hint text) TO ampsync_operator;
REVOKE ALL ON FUNCTION ampsync.enqueue_sync(INOUT dataset text, tables text[], target_schema text, retention_blocks integer, on_deep_reorg text, value_policy text, nul_policy text, not_null boolean, rename jsonb, exclude_columns jsonb, from_block bigint, on_new_version text, block_index text, indexes jsonb, poll_interval interval, queries jsonb, identity text, OUT table_name text, OUT state text, OUT hint text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.enqueue_sync(INOUT dataset text, tables text[], target_schema text, retention_blocks integer, on_deep_reorg text, value_policy text, nul_policy text, not_null boolean, rename jsonb, exclude_columns jsonb, from_block bigint, on_new_version text, block_index text, indexes jsonb, poll_interval interval, queries jsonb, identity text, OUT table_name text, OUT state text, OUT hint text) TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.enqueue_sync(INOUT dataset text, tables text[], target_schema text, retention_blocks integer, on_deep_reorg text, value_policy text, nul_policy text, not_null boolean, rename jsonb, exclude_columns jsonb, from_block bigint, on_new_version text, block_index text, indexes jsonb, poll_interval interval, queries jsonb, identity text, OUT table_name text, OUT state text, OUT hint text) TO ampsync_operator;
GRANT ALL ON FUNCTION ampsync.enqueue_sync(INOUT dataset text, tables text[], target_schema text, retention_blocks integer, on_deep_reorg text, value_policy text, nul_policy text, not_null boolean, rename jsonb, exclude_columns jsonb, from_block bigint, on_new_version text, block_index text, indexes jsonb, poll_interval interval, queries jsonb, identity text, OUT table_name text, OUT state text, OUT hint text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync.explain_sync(dataset text, OUT table_name text, OUT step text, OUT statement text, OUT detail text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.explain_sync(dataset text, OUT table_name text, OUT step text, OUT statement text, OUT detail text) TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.explain_sync(dataset text, OUT table_name text, OUT step text, OUT statement text, OUT detail text) TO ampsync_operator;
REVOKE ALL ON FUNCTION ampsync.pause_sync(INOUT dataset text, OUT table_name text, OUT state text, OUT hint text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.pause_sync(INOUT dataset text, OUT table_name text, OUT state text, OUT hint text) TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.pause_sync(INOUT dataset text, OUT table_name text, OUT state text, OUT hint text) TO ampsync_operator;
REVOKE ALL ON FUNCTION ampsync.repair(dataset text, INOUT table_name text, INOUT from_block bigint, INOUT to_block bigint, accept_fewer boolean, OUT state text, OUT hint text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.repair(dataset text, INOUT table_name text, INOUT from_block bigint, INOUT to_block bigint, accept_fewer boolean, OUT state text, OUT hint text) TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.repair(dataset text, INOUT table_name text, INOUT from_block bigint, INOUT to_block bigint, accept_fewer boolean, OUT state text, OUT hint text) TO ampsync_operator;
REVOKE ALL ON FUNCTION ampsync.resume_sync(INOUT dataset text, OUT table_name text, OUT state text, OUT hint text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.resume_sync(INOUT dataset text, OUT table_name text, OUT state text, OUT hint text) TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.resume_sync(INOUT dataset text, OUT table_name text, OUT state text, OUT hint text) TO ampsync_operator;
REVOKE ALL ON FUNCTION ampsync.resync(INOUT dataset text, INOUT table_name text, from_block bigint, OUT state text, OUT hint text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.resync(INOUT dataset text, INOUT table_name text, from_block bigint, OUT state text, OUT hint text) TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.resync(INOUT dataset text, INOUT table_name text, from_block bigint, OUT state text, OUT hint text) TO ampsync_operator;
REVOKE ALL ON FUNCTION ampsync.rollback_version(INOUT dataset text, OUT table_name text, OUT state text, OUT hint text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.rollback_version(INOUT dataset text, OUT table_name text, OUT state text, OUT hint text) TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.rollback_version(INOUT dataset text, OUT table_name text, OUT state text, OUT hint text) TO ampsync_operator;
REVOKE ALL ON FUNCTION ampsync.set_retention(INOUT event_age interval, INOUT event_rows bigint, INOUT former_age interval) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.set_retention(INOUT event_age interval, INOUT event_rows bigint, INOUT former_age interval) TO ampsync_admin;
REVOKE ALL ON FUNCTION ampsync.set_source(INOUT dataset text, INOUT flight_addr text, INOUT admin_addr text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.set_source(INOUT dataset text, INOUT flight_addr text, INOUT admin_addr text) TO ampsync_admin;
REVOKE ALL ON FUNCTION ampsync.verify(dataset text, INOUT table_name text, OUT finding text, OUT first_block bigint, OUT last_block bigint, OUT detail text, OUT hint text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.verify(dataset text, INOUT table_name text, OUT finding text, OUT first_block bigint, OUT last_block bigint, OUT detail text, OUT hint text) TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.verify(dataset text, INOUT table_name text, OUT finding text, OUT first_block bigint, OUT last_block bigint, OUT detail text, OUT hint text) TO ampsync_operator;
GRANT ALL ON FUNCTION ampsync.verify(dataset text, INOUT table_name text, OUT finding text, OUT first_block bigint, OUT last_block bigint, OUT detail text, OUT hint text) TO ampsync_reader;
GRANT ALL ON FUNCTION ampsync.verify(dataset text, INOUT table_name text, OUT finding text, OUT first_block bigint, OUT last_block bigint, OUT detail text, OUT hint text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync.version() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.version() TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.version() TO ampsync_operator;
GRANT ALL ON FUNCTION ampsync.version() TO ampsync_reader;
GRANT ALL ON FUNCTION ampsync.version() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync.wait_for_block(dataset text, block bigint, timeout interval, network text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync.wait_for_block(dataset text, block bigint, timeout interval, network text) TO ampsync_admin;
GRANT ALL ON FUNCTION ampsync.wait_for_block(dataset text, block bigint, timeout interval, network text) TO ampsync_operator;
GRANT ALL ON FUNCTION ampsync.wait_for_block(dataset text, block bigint, timeout interval, network text) TO ampsync_reader;
GRANT ALL ON FUNCTION ampsync.wait_for_block(dataset text, block bigint, timeout interval, network text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.add_counts(p_counts jsonb, p_more jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.add_counts(p_counts jsonb, p_more jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.add_hint(p_stream_id bigint, p_error jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.add_hint(p_stream_id bigint, p_error jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.adoptable(p_dataset_id bigint, p_target_schema text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.adoptable(p_dataset_id bigint, p_target_schema text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.adoptable_oids(p_dataset_id bigint, p_target_schema text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.adoptable_oids(p_dataset_id bigint, p_target_schema text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.allow_nulls(p_table regclass, p_other regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.allow_nulls(p_table regclass, p_other regclass) TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.history TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.append_history(p_stream_id bigint, p_watermarks jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.append_history(p_stream_id bigint, p_watermarks jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.append_ledger(p_stream_id bigint, p_watermarks jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.append_ledger(p_stream_id bigint, p_watermarks jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.apply_evolution(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.apply_evolution(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.apply_from_block(p_dataset_id bigint, p_table_name text, p_from_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.apply_from_block(p_dataset_id bigint, p_table_name text, p_from_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.apply_queries(p_dataset_id bigint, p_tables text[], p_exclude_columns jsonb, p_from_block bigint, p_queries jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.apply_queries(p_dataset_id bigint, p_tables text[], p_exclude_columns jsonb, p_from_block bigint, p_queries jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.apply_table_options(p_dataset_id bigint, p_tables text[], p_rename jsonb, p_exclude_columns jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.apply_table_options(p_dataset_id bigint, p_tables text[], p_rename jsonb, p_exclude_columns jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.ask_server(p_namespace text, p_name text, p_revision text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.ask_server(p_namespace text, p_name text, p_revision text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.block_key(p_identity text, p_alias text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.block_key(p_identity text, p_alias text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.block_of(p_id bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.block_of(p_id bytea) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.block_prefix(p_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.block_prefix(p_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.block_time(p_seconds bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.block_time(p_seconds bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.build_beside(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.build_beside(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.caller() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.caller() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.can_go_on(p_former_id bigint, p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.can_go_on(p_former_id bigint, p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.cancel_hint(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.cancel_hint(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_address(p_dataset text, p_option text, p_address text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_address(p_dataset text, p_option text, p_address text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_adoptable(p_dataset_id bigint, p_target_schema text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_adoptable(p_dataset_id bigint, p_target_schema text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_evolution(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_evolution(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_fetched(p_stream_id bigint, p_first_block bigint, p_last_block bigint, p_own_hash bytea, p_rows bigint, p_rejected jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_fetched(p_stream_id bigint, p_first_block bigint, p_last_block bigint, p_own_hash bytea, p_rows bigint, p_rejected jsonb) TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.former TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_former(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_former(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_from_block(p_dataset text, p_from_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_from_block(p_dataset text, p_from_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_indexes(p_dataset_id bigint, p_indexes jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_indexes(p_dataset_id bigint, p_indexes jsonb) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_private.check_lease(IN p_stream_id bigint, IN p_epoch bigint) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_private.check_lease(IN p_stream_id bigint, IN p_epoch bigint) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_private.check_may_create(IN p_schema text) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_private.check_may_create(IN p_schema text) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_private.check_may_drop(IN p_table regclass) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_private.check_may_drop(IN p_table regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_may_read(p_schema regnamespace, p_table regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_may_read(p_schema regnamespace, p_table regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_may_verify(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_may_verify(p_stream_id bigint) TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.dataset TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_query_removed(p_dataset ampsync_private.dataset, p_table_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_query_removed(p_dataset ampsync_private.dataset, p_table_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_query_start(p_dataset ampsync_private.dataset, p_table_name text, p_from_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_query_start(p_dataset ampsync_private.dataset, p_table_name text, p_from_block bigint) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_private.check_readable(IN p_stream_id bigint, IN p_target regclass) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_private.check_readable(IN p_stream_id bigint, IN p_target regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_replaceable(p_old regclass, p_columns jsonb, p_made jsonb, p_has_block_num boolean, p_identity text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_replaceable(p_old regclass, p_columns jsonb, p_made jsonb, p_has_block_num boolean, p_identity text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_runnable(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_runnable(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_schema(p_stream_id bigint, p_target_schema text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_schema(p_stream_id bigint, p_target_schema text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_steps(p_old regclass, p_new regclass, p_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_steps(p_old regclass, p_new regclass, p_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_swappable(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_swappable(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_sync_options(p_dataset text, p_name text, p_tables text[], p_target_schema text, p_retention_blocks integer, p_on_deep_reorg text, p_value_policy text, p_nul_policy text, p_on_new_version text, p_block_index text, p_poll_interval interval, p_identity text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_sync_options(p_dataset text, p_name text, p_tables text[], p_target_schema text, p_retention_blocks integer, p_on_deep_reorg text, p_value_policy text, p_nul_policy text, p_on_new_version text, p_block_index text, p_poll_interval interval, p_identity text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_synced(p_dataset_id bigint, p_table_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_synced(p_dataset_id bigint, p_table_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_table_kept(p_stream_id bigint, p_old_name text, p_new_name text, p_old_columns jsonb, p_new_columns jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_table_kept(p_stream_id bigint, p_old_name text, p_new_name text, p_old_columns jsonb, p_new_columns jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_table_name(p_table_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_table_name(p_table_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_table_options(p_dataset text, p_rename jsonb, p_exclude_columns jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_table_options(p_dataset text, p_rename jsonb, p_exclude_columns jsonb) TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.stream TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_target(p_stream ampsync_private.stream) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_target(p_stream ampsync_private.stream) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_target_filled(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_target_filled(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_target_fits(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_target_fits(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.check_target_free(p_dataset_id bigint, p_table_name text, p_target_schema text, p_target_table text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.check_target_free(p_dataset_id bigint, p_table_name text, p_target_schema text, p_target_table text) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_private.check_target_name(IN p_stream ampsync_private.stream) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_private.check_target_name(IN p_stream ampsync_private.stream) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.checkpoints_definition(p_target_schema text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.checkpoints_definition(p_target_schema text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.clean_queries(p_dataset text, p_queries jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.clean_queries(p_dataset text, p_queries jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.close_fence(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.close_fence(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.close_swaps(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.close_swaps(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.column_fate(p_table regclass, p_columns jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.column_fate(p_table regclass, p_columns jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.column_steps(p_old regclass, p_new regclass, p_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.column_steps(p_old regclass, p_new regclass, p_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.comment_target(p_target regclass, p_has_block_num boolean, p_identity text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.comment_target(p_target regclass, p_has_block_num boolean, p_identity text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.commit_async() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.commit_async() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.common_block(p_dataset_id bigint, p_network text, p_beside boolean, p_joining bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.common_block(p_dataset_id bigint, p_network text, p_beside boolean, p_joining bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.compact_ledger(p_stream_id bigint, p_from_block bigint, p_to_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.compact_ledger(p_stream_id bigint, p_from_block bigint, p_to_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.copy_checks(p_old regclass, p_new regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.copy_checks(p_old regclass, p_new regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.copy_indexes(p_old regclass, p_new regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.copy_indexes(p_old regclass, p_new regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.create_target(p_target_schema text, p_table_name text, p_has_block_num boolean, p_columns jsonb, p_identity text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.create_target(p_target_schema text, p_table_name text, p_has_block_num boolean, p_columns jsonb, p_identity text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.cut_is_reached(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.cut_is_reached(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.cut_name(p_name text, p_bytes integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.cut_name(p_name text, p_bytes integer) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.delete_blocks(p_stream_id bigint, p_first_block bigint, p_last_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.delete_blocks(p_stream_id bigint, p_first_block bigint, p_last_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.delete_from_block(p_stream_id bigint, p_from_block bigint, p_parent_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.delete_from_block(p_stream_id bigint, p_from_block bigint, p_parent_hash bytea) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.delete_rows(p_target regclass, p_identity text, p_from bigint, p_below bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.delete_rows(p_target regclass, p_identity text, p_from bigint, p_below bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.dependent_views(p_table regclass, p_changed name[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.dependent_views(p_table regclass, p_changed name[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.dependents(p_relation regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.dependents(p_relation regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.dependents_query(p_table regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.dependents_query(p_table regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.describe_backends(p_pids integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.describe_backends(p_pids integer[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.describe_sessions(p_pids integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.describe_sessions(p_pids integer[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.diagnose(p_part text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.diagnose(p_part text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.diagnose_indexes() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.diagnose_indexes() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.diagnose_progress() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.diagnose_progress() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.diagnose_roles() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.diagnose_roles() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.diagnose_server(p_server jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.diagnose_server(p_server jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.diagnose_syncs() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.diagnose_syncs() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.diagnose_vacuum() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.diagnose_vacuum() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.diagnose_workers() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.diagnose_workers() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.drop_former(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.drop_former(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.drop_shadow(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.drop_shadow(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.drop_stale_indexes(p_old regclass, p_new regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.drop_stale_indexes(p_old regclass, p_new regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.drop_statement(p_class_id oid, p_object_id oid, p_sub_id integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.drop_statement(p_class_id oid, p_object_id oid, p_sub_id integer) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.earlier_ampsync(p_schema text, p_table text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.earlier_ampsync(p_schema text, p_table text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.end_index_builds(p_tables oid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.end_index_builds(p_tables oid[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.end_swaps(p_dataset_id bigint, p_table regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.end_swaps(p_dataset_id bigint, p_table regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.end_writers(p_stream_id bigint, p_epoch bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.end_writers(p_stream_id bigint, p_epoch bigint) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_private.enter_fence(IN p_stream_id bigint, IN p_epoch bigint) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_private.enter_fence(IN p_stream_id bigint, IN p_epoch bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.enter_swap(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.enter_swap(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.evolution_refusal(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb, p_network text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.evolution_refusal(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb, p_network text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.evolve_target(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb, p_attempt integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.evolve_target(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb, p_attempt integer) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.exchange_names(p_old regclass, p_new regclass, p_keep_schema text, p_keep_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.exchange_names(p_old regclass, p_new regclass, p_keep_schema text, p_keep_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.exchange_streams(p_stream_ids bigint[], p_former boolean, p_keep boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.exchange_streams(p_stream_ids bigint[], p_former boolean, p_keep boolean) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.explain_query(p_stream_id bigint, p_version text, p_plan jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.explain_query(p_stream_id bigint, p_version text, p_plan jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.explain_steps(p_dataset_id bigint, p_is_asked boolean, p_answer_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.explain_steps(p_dataset_id bigint, p_is_asked boolean, p_answer_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.explain_swaps(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.explain_swaps(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.fence_holders(p_stream_id bigint, p_epoch bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.fence_holders(p_stream_id bigint, p_epoch bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.fence_key(p_stream_id bigint, p_epoch bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.fence_key(p_stream_id bigint, p_epoch bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.fence_waits(p_stream_id bigint, p_epoch bigint, p_waits_s numeric) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.fence_waits(p_stream_id bigint, p_epoch bigint, p_waits_s numeric) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.find_dataset(p_reference text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.find_dataset(p_reference text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.find_disagreements(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.find_disagreements(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.find_faults(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.find_faults(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.find_hash_faults(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.find_hash_faults(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.find_ledger_faults(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.find_ledger_faults(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.find_target(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.find_target(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.first_columns(p_stream_id bigint, p_columns jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.first_columns(p_stream_id bigint, p_columns jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.fix_of(p_hint text, p_statement text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.fix_of(p_hint text, p_statement text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.follow_target(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.follow_target(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.follow_version(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.follow_version(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables text[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.forget_records(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.forget_records(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.forget_target(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.forget_target(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.free_jobs(p_workers text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.free_jobs(p_workers text[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.free_name(p_schema text, p_table text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.free_name(p_schema text, p_table text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.freeze_streams(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.freeze_streams(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.function_steps(p_old regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.function_steps(p_old regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.give_up_upgrade(p_dataset_id bigint, p_why text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.give_up_upgrade(p_dataset_id bigint, p_why text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.gives_way(p_worker_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.gives_way(p_worker_id text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.grants_of(p_relation regclass, p_without name[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.grants_of(p_relation regclass, p_without name[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.has_columns(p_stream ampsync_private.stream, p_has_block_num boolean, p_columns jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.has_columns(p_stream ampsync_private.stream, p_has_block_num boolean, p_columns jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.has_only_queries(p_dataset ampsync_private.dataset) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.has_only_queries(p_dataset ampsync_private.dataset) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.hash_column(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.hash_column(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.hash_in_rows(p_stream_id bigint, p_column text, p_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.hash_in_rows(p_stream_id bigint, p_column text, p_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.hash_in_table_of_blocks(p_stream_id bigint, p_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.hash_in_table_of_blocks(p_stream_id bigint, p_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.heads_key(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.heads_key(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.hide_checkpoints(p_target_schema text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.hide_checkpoints(p_target_schema text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.hold_adoptable(p_dataset_id bigint, p_target_schema text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.hold_adoptable(p_dataset_id bigint, p_target_schema text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.hold_functions(p_tables regclass[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.hold_functions(p_tables regclass[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.hold_target(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.hold_target(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.hold_worker_lock(p_worker_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.hold_worker_lock(p_worker_id text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.in_blocks(p_identity text, p_from text, p_below text, p_alias text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.in_blocks(p_identity text, p_from text, p_below text, p_alias text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.index_builder() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.index_builder() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.index_clauses(p_index regclass, p_with_storage boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.index_clauses(p_index regclass, p_with_storage boolean) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.index_columns(p_index regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.index_columns(p_index regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.index_name(p_target regclass, p_method text, p_columns text[], p_options smallint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.index_name(p_target regclass, p_method text, p_columns text[], p_options smallint[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.index_pairs(p_old regclass, p_new regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.index_pairs(p_old regclass, p_new regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.index_shape(p_index regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.index_shape(p_index regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.index_steps(p_old regclass, p_new regclass, p_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.index_steps(p_old regclass, p_new regclass, p_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.indexes_are_due(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.indexes_are_due(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.is_beside(p_shadow ampsync_private.stream) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.is_beside(p_shadow ampsync_private.stream) TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.lease TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.is_over(p_lease ampsync_private.lease) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.is_over(p_lease ampsync_private.lease) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.is_paused(p_dataset ampsync_private.dataset) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.is_paused(p_dataset ampsync_private.dataset) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.is_polled(p_dataset ampsync_private.dataset) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.is_polled(p_dataset ampsync_private.dataset) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.is_shared_writer(p_role oid) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.is_shared_writer(p_role oid) TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.upgrade TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.is_upgraded(p_upgrade ampsync_private.upgrade, p_stream ampsync_private.stream) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.is_upgraded(p_upgrade ampsync_private.upgrade, p_stream ampsync_private.stream) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.job_waits(p_job_key text, p_due timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.job_waits(p_job_key text, p_due timestamp with time zone) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.join_cut(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.join_cut(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.journal(p_stream_id bigint, p_event text, p_details jsonb, p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.journal(p_stream_id bigint, p_event text, p_details jsonb, p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.keep_former(p_stream_id bigint, p_table regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.keep_former(p_stream_id bigint, p_table regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.kept_grants(p_old regclass, p_new regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.kept_grants(p_old regclass, p_new regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.key_columns(p_identity text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.key_columns(p_identity text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.leaves_to_others(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.leaves_to_others(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.let_go_on(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.let_go_on(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.load_beside(p_dataset_id bigint, p_table text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.load_beside(p_dataset_id bigint, p_table text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.lock_dataset(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.lock_dataset(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.lock_for_change(p_targets regclass[], p_attempt integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.lock_for_change(p_targets regclass[], p_attempt integer) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.lock_holders(p_key bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.lock_holders(p_key bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.lock_reference(p_reference text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.lock_reference(p_reference text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.lock_replacement(p_tables regclass[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.lock_replacement(p_tables regclass[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.lock_tables(p_targets regclass[], p_others regclass[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.lock_tables(p_targets regclass[], p_others regclass[]) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_private.lock_target(IN p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_private.lock_target(IN p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.long_values(p_methods text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.long_values(p_methods text[]) TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.target_index TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.mark_index_valid(p_index ampsync_private.target_index, p_index_id oid) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.mark_index_valid(p_index ampsync_private.target_index, p_index_id oid) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.measure_rows(p_target regclass, p_identity text, p_first_blocks bigint[], p_last_blocks bigint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.measure_rows(p_target regclass, p_identity text, p_first_blocks bigint[], p_last_blocks bigint[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.merge_rows(p_target regclass, p_other regclass, p_columns text, p_exchange boolean, OUT deleted bigint, OUT inserted bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.merge_rows(p_target regclass, p_other regclass, p_columns text, p_exchange boolean, OUT deleted bigint, OUT inserted bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.missing_index_columns(p_target regclass, p_columns text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.missing_index_columns(p_target regclass, p_columns text[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.move_records(p_from_id bigint, p_to_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.move_records(p_from_id bigint, p_to_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.named_hash_column(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.named_hash_column(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.named_tables(p_dataset ampsync_private.dataset) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.named_tables(p_dataset ampsync_private.dataset) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.names_new_table(p_dataset ampsync_private.dataset, p_tables text[], p_rename jsonb, p_queries jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.names_new_table(p_dataset ampsync_private.dataset, p_tables text[], p_rename jsonb, p_queries jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.narrow_fault(p_stream_id bigint, p_first_block bigint, p_last_block bigint, p_row_count bigint, p_found_count bigint, p_xor bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.narrow_fault(p_stream_id bigint, p_first_block bigint, p_last_block bigint, p_row_count bigint, p_found_count bigint, p_xor bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.newest_row(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.newest_row(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.newest_rows_differ(p_live ampsync_private.stream, p_shadow ampsync_private.stream) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.newest_rows_differ(p_live ampsync_private.stream, p_shadow ampsync_private.stream) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.notify_waits() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.notify_waits() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.offer_version(p_dataset_id bigint, p_version text, p_manifest_hash text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.offer_version(p_dataset_id bigint, p_version text, p_manifest_hash text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.open_to_readers(p_relation regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.open_to_readers(p_relation regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.orphan_stream(p_stream_id bigint, p_version text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.orphan_stream(p_stream_id bigint, p_version text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.own_columns(p_stream ampsync_private.stream) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.own_columns(p_stream ampsync_private.stream) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.own_hash(p_stream_id bigint, p_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.own_hash(p_stream_id bigint, p_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.own_storage(p_old regclass, p_new regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.own_storage(p_old regclass, p_new regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.parse_reference(p_reference text, OUT namespace text, OUT name text, OUT revision text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.parse_reference(p_reference text, OUT namespace text, OUT name text, OUT revision text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.passes_wait(p_streams bigint[], p_epochs bigint[], p_writer_s numeric[], p_waits text[], p_waits_s numeric[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.passes_wait(p_streams bigint[], p_epochs bigint[], p_writer_s numeric[], p_waits text[], p_waits_s numeric[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.plan_evolution(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb, p_network text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.plan_evolution(p_stream_id bigint, p_has_block_num boolean, p_columns jsonb, p_network text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.plan_indexes(p_stream_id bigint, p_retry boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.plan_indexes(p_stream_id bigint, p_retry boolean) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.policy_steps(p_old regclass, p_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.policy_steps(p_old regclass, p_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.poll_pause(p_dataset ampsync_private.dataset, p_default interval, p_failures integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.poll_pause(p_dataset ampsync_private.dataset, p_default interval, p_failures integer) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.prune_history(p_stream_id bigint, p_tip_start bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.prune_history(p_stream_id bigint, p_tip_start bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.publication_steps(p_old regclass, p_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.publication_steps(p_old regclass, p_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.query_hash(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.query_hash(p_query text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.query_source(p_query text, OUT schema_part text, OUT table_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.query_source(p_query text, OUT schema_part text, OUT table_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.query_suspects(p_query text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.query_suspects(p_query text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.quote_always(p_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.quote_always(p_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.raise_deciding(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.raise_deciding(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.raise_immortal(p_stream_id bigint, p_epoch bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.raise_immortal(p_stream_id bigint, p_epoch bigint) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_private.raise_lease_lost(IN p_stream_id bigint, IN p_epoch bigint) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_private.raise_lease_lost(IN p_stream_id bigint, IN p_epoch bigint) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_private.raise_no_block_num(IN p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_private.raise_no_block_num(IN p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_private.raise_not_copied(IN p_table regclass, IN p_class_id oid, IN p_object_id oid, IN p_reason text) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_private.raise_not_copied(IN p_table regclass, IN p_class_id oid, IN p_object_id oid, IN p_reason text) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_private.raise_rows_kept(IN p_target regclass) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_private.raise_rows_kept(IN p_target regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.raise_stranger(p_stream_id bigint, p_epoch bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.raise_stranger(p_stream_id bigint, p_epoch bigint) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_private.raise_target_moved(IN p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_private.raise_target_moved(IN p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.record_blocks(p_stream_id bigint, p_first_block bigint, p_last_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.record_blocks(p_stream_id bigint, p_first_block bigint, p_last_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.record_values(p_stream_id bigint, p_values jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.record_values(p_stream_id bigint, p_values jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.record_version(p_stream_id bigint, p_first_block bigint, p_last_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.record_version(p_stream_id bigint, p_first_block bigint, p_last_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.refuse_obstacles(p_old regclass, p_columns jsonb, p_added name[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.refuse_obstacles(p_old regclass, p_columns jsonb, p_added name[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.register_queries(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.register_queries(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.rehearse_replacement(p_old regclass, p_columns jsonb, p_made jsonb, p_has_block_num boolean, p_identity text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.rehearse_replacement(p_old regclass, p_columns jsonb, p_made jsonb, p_has_block_num boolean, p_identity text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.release_targets(p_dataset_id bigint, p_drop boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.release_targets(p_dataset_id bigint, p_drop boolean) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.reload_refusal(p_dataset ampsync_private.dataset, p_tables jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.reload_refusal(p_dataset ampsync_private.dataset, p_tables jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.repair_found(p_dataset_id bigint, p_dataset text, p_table_name text, p_accept_fewer boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.repair_found(p_dataset_id bigint, p_dataset text, p_table_name text, p_accept_fewer boolean) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.repair_obstacle(p_stream_id bigint, p_first_block bigint, p_last_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.repair_obstacle(p_stream_id bigint, p_first_block bigint, p_last_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.repairable(p_stream_id bigint, p_finding text, p_first_block bigint, p_last_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.repairable(p_stream_id bigint, p_finding text, p_first_block bigint, p_last_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.replace_target(p_old regclass, p_new regclass, p_keep_schema text, p_keep_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.replace_target(p_old regclass, p_new regclass, p_keep_schema text, p_keep_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.replacement_obstacles(p_old regclass, p_columns jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.replacement_obstacles(p_old regclass, p_columns jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.replacement_steps(p_old regclass, p_new regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.replacement_steps(p_old regclass, p_new regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.request_repair(p_stream_id bigint, p_first_block bigint, p_last_block bigint, p_accept_fewer boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.request_repair(p_stream_id bigint, p_first_block bigint, p_last_block bigint, p_accept_fewer boolean) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.request_upgrade(p_dataset_id bigint, p_from_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.request_upgrade(p_dataset_id bigint, p_from_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.rests(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.rests(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.resync_instead(p_stream_id bigint, p_error jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.resync_instead(p_stream_id bigint, p_error jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.retire_checkpoints(p_schema text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.retire_checkpoints(p_schema text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.retry_delay(p_attempts integer, p_seconds integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.retry_delay(p_attempts integer, p_seconds integer[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.revoke_lease(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.revoke_lease(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.row_block(p_identity text, p_alias text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.row_block(p_identity text, p_alias text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.rule_steps(p_old regclass, p_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.rule_steps(p_old regclass, p_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.same_version(p_version text, p_hash text, p_other_version text, p_other_hash text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.same_version(p_version text, p_hash text, p_other_version text, p_other_hash text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.sanitise_query(p_sql text, OUT query text, OUT removed text[], OUT fault text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.sanitise_query(p_sql text, OUT query text, OUT removed text[], OUT fault text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.schedule_index(p_stream_id bigint, p_not_before timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.schedule_index(p_stream_id bigint, p_not_before timestamp with time zone) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.schedule_poll(p_dataset_id bigint, p_run_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.schedule_poll(p_dataset_id bigint, p_run_at timestamp with time zone) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.schedule_reload(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.schedule_reload(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.schedule_resolve(p_dataset_id bigint, p_run_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.schedule_resolve(p_dataset_id bigint, p_run_at timestamp with time zone) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.schedule_stream(p_stream_id bigint, p_run_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.schedule_stream(p_stream_id bigint, p_run_at timestamp with time zone) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.schedule_supervisor(p_run_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.schedule_supervisor(p_run_at timestamp with time zone) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.schedule_swap(p_shadow_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.schedule_swap(p_shadow_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.schedule_upgrade(p_dataset_id bigint, p_run_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.schedule_upgrade(p_dataset_id bigint, p_run_at timestamp with time zone) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.serving_index(p_target regclass, p_method text, p_columns text[], p_options smallint[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.serving_index(p_target regclass, p_method text, p_columns text[], p_options smallint[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.set_grants(p_relation regclass, p_grants jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.set_grants(p_relation regclass, p_grants jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.sharing() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.sharing() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.shorten_times() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.shorten_times() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.show_checkpoints(p_target_schema text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.show_checkpoints(p_target_schema text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.source_schema(p_dataset ampsync_private.dataset, p_version text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.source_schema(p_dataset ampsync_private.dataset, p_version text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.split_ledger(p_stream_id bigint, p_first_block bigint, p_last_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.split_ledger(p_stream_id bigint, p_first_block bigint, p_last_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.sql_tokens(p_sql text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.sql_tokens(p_sql text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.start_polling(p_dataset_id bigint, p_pause interval) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.start_polling(p_dataset_id bigint, p_pause interval) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.start_shadow(p_stream_id bigint, p_run_at timestamp with time zone, p_from_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.start_shadow(p_stream_id bigint, p_run_at timestamp with time zone, p_from_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.start_upgrade(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.start_upgrade(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.statistics_steps(p_old regclass, p_new regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.statistics_steps(p_old regclass, p_new regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.stream_label(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.stream_label(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.strip_table(p_table regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.strip_table(p_table regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.suspect_waits(p_stream_id bigint, p_worker_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.suspect_waits(p_stream_id bigint, p_worker_id text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.swap_is_due(p_shadow_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.swap_is_due(p_shadow_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.swap_key(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.swap_key(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.swap_runs(p_shadow_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.swap_runs(p_shadow_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.swap_streams(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.swap_streams(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.switch_streams(p_dataset ampsync_private.dataset, p_tables text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.switch_streams(p_dataset ampsync_private.dataset, p_tables text[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.sync_report(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.sync_report(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.table_columns(p_table regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.table_columns(p_table regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.table_holders(p_table regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.table_holders(p_table regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.table_steps(p_old regclass, p_new regclass, p_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.table_steps(p_old regclass, p_new regclass, p_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.take_over_stream(p_stream_id bigint, p_other_id bigint, p_target regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.take_over_stream(p_stream_id bigint, p_other_id bigint, p_target regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.take_query(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.take_query(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.target_ddl(p_target_schema text, p_table_name text, p_has_block_num boolean, p_columns jsonb, p_identity text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.target_ddl(p_target_schema text, p_table_name text, p_has_block_num boolean, p_columns jsonb, p_identity text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.target_name(p_dataset ampsync_private.dataset, p_table_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.target_name(p_dataset ampsync_private.dataset, p_table_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.thaw_streams(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.thaw_streams(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.to_yield(p_worker_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.to_yield(p_worker_id text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.trigger_steps(p_old regclass, p_name text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.trigger_steps(p_old regclass, p_name text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.type_modifier(p_type text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.type_modifier(p_type text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.untrusted_owner(p_schema regnamespace) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.untrusted_owner(p_schema regnamespace) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.upgrade_step(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.upgrade_step(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.view_property_steps(p_view regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.view_property_steps(p_view regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.view_steps(p_old regclass, p_new regclass) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.view_steps(p_old regclass, p_new regclass) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.wake_swap(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.wake_swap(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.wanted_indexes(p_dataset_id bigint, p_table_name text, p_has_block_num boolean, p_columns jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.wanted_indexes(p_dataset_id bigint, p_table_name text, p_has_block_num boolean, p_columns jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.wants_reload(p_dataset ampsync_private.dataset) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.wants_reload(p_dataset ampsync_private.dataset) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.widening_obstacles(p_target regclass, p_column text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.widening_obstacles(p_target regclass, p_column text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.without_casts(p_definition text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.without_casts(p_definition text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.worker_is_connected(p_worker_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.worker_is_connected(p_worker_id text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.worker_is_dead(p_worker_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.worker_is_dead(p_worker_id text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.writer() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.writer() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_private.writer_works(p_stream_id bigint, p_epoch bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_private.writer_works(p_stream_id bigint, p_epoch bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.acquire_lease(p_stream_id bigint, p_worker_id text) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.acquire_lease(p_stream_id bigint, p_worker_id text) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.adopt_version(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.adopt_version(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.advance_upgrade(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.advance_upgrade(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.announce(p_commits jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.announce(p_commits jsonb) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_worker.begin_apply(IN p_stream_id bigint, IN p_epoch bigint, IN p_removes boolean, IN p_from_block bigint, IN p_parent_hash bytea) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_worker.begin_apply(IN p_stream_id bigint, IN p_epoch bigint, IN p_removes boolean, IN p_from_block bigint, IN p_parent_hash bytea) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.begin_explain(p_answer_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.begin_explain(p_answer_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.begin_poll(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.begin_poll(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.begin_reload(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.begin_reload(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_worker.begin_repair(IN p_stream_id bigint, IN p_epoch bigint, IN p_first_block bigint, IN p_last_block bigint) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_worker.begin_repair(IN p_stream_id bigint, IN p_epoch bigint, IN p_first_block bigint, IN p_last_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.begin_resolve(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.begin_resolve(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.build_indexes(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.build_indexes(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_worker.commit_apply(IN p_stream_id bigint, IN p_epoch bigint, IN p_expected_block bigint, IN p_network text, IN p_watermarks jsonb, IN p_rows bigint, IN p_values jsonb) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_worker.commit_apply(IN p_stream_id bigint, IN p_epoch bigint, IN p_expected_block bigint, IN p_network text, IN p_watermarks jsonb, IN p_rows bigint, IN p_values jsonb) TO ampsync_worker;
REVOKE ALL ON PROCEDURE ampsync_worker.commit_repair(IN p_stream_id bigint, IN p_epoch bigint, IN p_first_block bigint, IN p_last_block bigint, IN p_own_hash bytea, IN p_rows bigint, IN p_values jsonb) FROM PUBLIC;
GRANT ALL ON PROCEDURE ampsync_worker.commit_repair(IN p_stream_id bigint, IN p_epoch bigint, IN p_first_block bigint, IN p_last_block bigint, IN p_own_hash bytea, IN p_rows bigint, IN p_values jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.defer_index(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.defer_index(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.defer_poll(p_dataset_id bigint, p_error jsonb, p_interval interval, p_retry_after_s double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.defer_poll(p_dataset_id bigint, p_error jsonb, p_interval interval, p_retry_after_s double precision) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.defer_reload(p_dataset_id bigint, p_version text, p_manifest_hash text, p_error jsonb, p_max_retries integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.defer_reload(p_dataset_id bigint, p_version text, p_manifest_hash text, p_error jsonb, p_max_retries integer) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.defer_repair(p_stream_id bigint, p_epoch bigint, p_first_block bigint, p_error jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.defer_repair(p_stream_id bigint, p_epoch bigint, p_first_block bigint, p_error jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.defer_resolve(p_dataset_id bigint, p_state text, p_error jsonb, p_retry_after_s double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.defer_resolve(p_dataset_id bigint, p_state text, p_error jsonb, p_retry_after_s double precision) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.defer_swap(p_shadow_id bigint, p_error jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.defer_swap(p_shadow_id bigint, p_error jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.defer_upgrade(p_dataset_id bigint, p_error jsonb, p_stops boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.defer_upgrade(p_dataset_id bigint, p_error jsonb, p_stops boolean) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.end_pass(p_stream_id bigint, p_epoch bigint, p_outcome text, p_error jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.end_pass(p_stream_id bigint, p_epoch bigint, p_outcome text, p_error jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.fail_swap(p_shadow_id bigint, p_error jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.fail_swap(p_shadow_id bigint, p_error jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.find_dead_workers(p_worker_id text, p_suspects text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.find_dead_workers(p_worker_id text, p_suspects text[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.hold_index_lock() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.hold_index_lock() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.mark_behind(p_stream_id bigint, p_epoch bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.mark_behind(p_stream_id bigint, p_epoch bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.mark_live(p_stream_id bigint, p_epoch bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.mark_live(p_stream_id bigint, p_epoch bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.mark_reorg_pending(p_stream_id bigint, p_epoch bigint, p_from_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.mark_reorg_pending(p_stream_id bigint, p_epoch bigint, p_from_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.mark_retrying(p_stream_id bigint, p_epoch bigint, p_error jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.mark_retrying(p_stream_id bigint, p_epoch bigint, p_error jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.name_dataset(p_dataset_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.name_dataset(p_dataset_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.name_stream(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.name_stream(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.newest_hash(p_stream_id bigint, p_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.newest_hash(p_stream_id bigint, p_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.next_index_step(p_stream_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.next_index_step(p_stream_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.next_repair(p_stream_id bigint, p_epoch bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.next_repair(p_stream_id bigint, p_epoch bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.note_answer(p_answer_id bigint, p_version text, p_manifest_hash text, p_has_namespaces boolean, p_tables jsonb, p_head bigint, p_error jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.note_answer(p_answer_id bigint, p_version text, p_manifest_hash text, p_has_namespaces boolean, p_tables jsonb, p_head bigint, p_error jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.note_holding(p_stream_id bigint, p_epoch bigint, p_holds boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.note_holding(p_stream_id bigint, p_epoch bigint, p_holds boolean) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.note_index(p_stream_id bigint, p_method text, p_columns text[], p_options smallint[], p_error jsonb, p_final boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.note_index(p_stream_id bigint, p_method text, p_columns text[], p_options smallint[], p_error jsonb, p_final boolean) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.note_version(p_dataset_id bigint, p_version text, p_manifest_hash text, p_has_namespaces boolean, p_begun_at timestamp with time zone, p_interval interval) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.note_version(p_dataset_id bigint, p_version text, p_manifest_hash text, p_has_namespaces boolean, p_begun_at timestamp with time zone, p_interval interval) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.own_hash(p_stream_id bigint, p_block bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.own_hash(p_stream_id bigint, p_block bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.prepare_target(p_stream_id bigint, p_epoch bigint, p_has_block_num boolean, p_columns jsonb, p_attempt integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.prepare_target(p_stream_id bigint, p_epoch bigint, p_has_block_num boolean, p_columns jsonb, p_attempt integer) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.prune_events(p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.prune_events(p_limit integer) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.prune_formers() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.prune_formers() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.register_streams(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables text[], p_has_namespaces boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.register_streams(p_dataset_id bigint, p_version text, p_manifest_hash text, p_tables text[], p_has_namespaces boolean) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.register_worker(p_worker_id text, p_host text, p_pid integer, p_version text, p_slots integer) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.register_worker(p_worker_id text, p_host text, p_pid integer, p_version text, p_slots integer) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.renew_leases(p_worker_id text, p_leases jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.renew_leases(p_worker_id text, p_leases jsonb) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.schedule_supervision() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.schedule_supervision() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.start_sync(p_dataset text, p_tables text[], p_retention_blocks integer, p_queries jsonb, OUT is_new boolean, OUT target_schema text, OUT hint text, OUT left_out text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.start_sync(p_dataset text, p_tables text[], p_retention_blocks integer, p_queries jsonb, OUT is_new boolean, OUT target_schema text, OUT hint text, OUT left_out text[]) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.supervise() FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.supervise() TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.swap_resync(p_shadow_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.swap_resync(p_shadow_id bigint) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.tables_to_explain(p_answer_id bigint, p_version text, p_tables text[], p_has_namespaces boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.tables_to_explain(p_answer_id bigint, p_version text, p_tables text[], p_has_namespaces boolean) TO ampsync_worker;
REVOKE ALL ON FUNCTION ampsync_worker.yield_index_build(p_patience interval) FROM PUBLIC;
GRANT ALL ON FUNCTION ampsync_worker.yield_index_build(p_patience interval) TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE graphile_worker._private_jobs TO ampsync_worker;
GRANT SELECT ON TABLE ampsync.checkpoints TO ampsync_admin;
GRANT SELECT ON TABLE ampsync.checkpoints TO ampsync_operator;
GRANT SELECT ON TABLE ampsync.checkpoints TO ampsync_reader;
GRANT SELECT ON TABLE ampsync.checkpoints TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.event TO ampsync_worker;
GRANT SELECT ON TABLE ampsync.events TO ampsync_admin;
GRANT SELECT ON TABLE ampsync.events TO ampsync_operator;
GRANT SELECT ON TABLE ampsync.events TO ampsync_reader;
GRANT SELECT ON TABLE ampsync.events TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.retention TO ampsync_worker;
GRANT SELECT ON TABLE ampsync.former_tables TO ampsync_admin;
GRANT SELECT ON TABLE ampsync.former_tables TO ampsync_operator;
GRANT SELECT ON TABLE ampsync.former_tables TO ampsync_reader;
GRANT SELECT ON TABLE ampsync.former_tables TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.worker TO ampsync_worker;
GRANT SELECT ON TABLE ampsync.indexes TO ampsync_admin;
GRANT SELECT ON TABLE ampsync.indexes TO ampsync_operator;
GRANT SELECT ON TABLE ampsync.indexes TO ampsync_reader;
GRANT SELECT ON TABLE ampsync.indexes TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE graphile_worker._private_job_queues TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE graphile_worker._private_tasks TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE graphile_worker.jobs TO ampsync_worker;
GRANT SELECT ON TABLE ampsync.jobs TO ampsync_admin;
GRANT SELECT ON TABLE ampsync.jobs TO ampsync_operator;
GRANT SELECT ON TABLE ampsync.jobs TO ampsync_reader;
GRANT SELECT ON TABLE ampsync.jobs TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.head TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.reject TO ampsync_worker;
GRANT SELECT ON TABLE ampsync.streams TO ampsync_admin;
GRANT SELECT ON TABLE ampsync.streams TO ampsync_operator;
GRANT SELECT ON TABLE ampsync.streams TO ampsync_reader;
GRANT SELECT ON TABLE ampsync.streams TO ampsync_worker;
GRANT SELECT ON TABLE ampsync.readiness TO ampsync_admin;
GRANT SELECT ON TABLE ampsync.readiness TO ampsync_operator;
GRANT SELECT ON TABLE ampsync.readiness TO ampsync_reader;
GRANT SELECT ON TABLE ampsync.readiness TO ampsync_worker;
GRANT SELECT ON TABLE ampsync.workers TO ampsync_admin;
GRANT SELECT ON TABLE ampsync.workers TO ampsync_operator;
GRANT SELECT ON TABLE ampsync.workers TO ampsync_reader;
GRANT SELECT ON TABLE ampsync.workers TO ampsync_worker;
GRANT SELECT ON TABLE ampsync.metrics TO ampsync_admin;
GRANT SELECT ON TABLE ampsync.metrics TO ampsync_operator;
GRANT SELECT ON TABLE ampsync.metrics TO ampsync_reader;
GRANT SELECT ON TABLE ampsync.metrics TO ampsync_worker;
GRANT SELECT ON TABLE ampsync.progress TO ampsync_admin;
GRANT SELECT ON TABLE ampsync.progress TO ampsync_operator;
GRANT SELECT ON TABLE ampsync.progress TO ampsync_reader;
GRANT SELECT ON TABLE ampsync.progress TO ampsync_worker;
GRANT SELECT ON TABLE ampsync.rejects TO ampsync_admin;
GRANT SELECT ON TABLE ampsync.rejects TO ampsync_operator;
GRANT SELECT ON TABLE ampsync.rejects TO ampsync_reader;
GRANT SELECT ON TABLE ampsync.rejects TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.repair TO ampsync_worker;
GRANT SELECT ON TABLE ampsync.repairs TO ampsync_admin;
GRANT SELECT ON TABLE ampsync.repairs TO ampsync_operator;
GRANT SELECT ON TABLE ampsync.repairs TO ampsync_reader;
GRANT SELECT ON TABLE ampsync.repairs TO ampsync_worker;
GRANT SELECT ON TABLE ampsync.upgrades TO ampsync_admin;
GRANT SELECT ON TABLE ampsync.upgrades TO ampsync_operator;
GRANT SELECT ON TABLE ampsync.upgrades TO ampsync_reader;
GRANT SELECT ON TABLE ampsync.upgrades TO ampsync_worker;
GRANT SELECT ON TABLE ampsync.status TO ampsync_admin;
GRANT SELECT ON TABLE ampsync.status TO ampsync_operator;
GRANT SELECT ON TABLE ampsync.status TO ampsync_reader;
GRANT SELECT ON TABLE ampsync.status TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.version_history TO ampsync_worker;
GRANT SELECT ON TABLE ampsync.version_history TO ampsync_admin;
GRANT SELECT ON TABLE ampsync.version_history TO ampsync_operator;
GRANT SELECT ON TABLE ampsync.version_history TO ampsync_reader;
GRANT SELECT ON TABLE ampsync.version_history TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.answer TO ampsync_worker;
GRANT USAGE ON SEQUENCE ampsync_private.answer_answer_id_seq TO ampsync_worker;
GRANT USAGE ON SEQUENCE ampsync_private.dataset_dataset_id_seq TO ampsync_worker;
GRANT USAGE ON SEQUENCE ampsync_private.event_event_id_seq TO ampsync_worker;
GRANT SELECT ON TABLE ampsync_private.former_9 TO ampsync_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE ampsync_private.ledger TO ampsync_worker;
GRANT SELECT ON TABLE ampsync_private.migration TO ampsync_worker;
GRANT SELECT ON TABLE ampsync_private.queue TO ampsync_worker;
GRANT USAGE ON SEQUENCE ampsync_private.reject_reject_id_seq TO ampsync_worker;
GRANT SELECT ON TABLE ampsync_private.source TO ampsync_worker;
GRANT USAGE ON SEQUENCE ampsync_private.stream_stream_id_seq TO ampsync_worker;
GRANT USAGE ON SEQUENCE ampsync_private.tx_id_seq TO ampsync_worker;
GRANT SELECT ON TABLE failed._ampsync_checkpoints TO ampsync_reader;
GRANT SELECT ON TABLE failed.blocks TO ampsync_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE graphile_worker._private_known_crontabs TO ampsync_worker;
GRANT USAGE ON SEQUENCE graphile_worker.job_queues_id_seq TO ampsync_worker;
GRANT USAGE ON SEQUENCE graphile_worker.jobs_id_seq1 TO ampsync_worker;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE graphile_worker.migrations TO ampsync_worker;
GRANT USAGE ON SEQUENCE graphile_worker.tasks_id_seq TO ampsync_worker;
GRANT SELECT ON TABLE keyed._ampsync_checkpoints TO ampsync_reader;
GRANT SELECT ON TABLE keyed.logs TO ampsync_reader;
GRANT SELECT ON TABLE live._ampsync_checkpoints TO ampsync_reader;
GRANT SELECT ON TABLE live.blocks TO ampsync_reader;
GRANT SELECT ON TABLE live.logs TO ampsync_reader;
GRANT SELECT ON TABLE paused._ampsync_checkpoints TO ampsync_reader;
GRANT SELECT ON TABLE paused.blocks TO ampsync_reader;
GRANT SELECT ON TABLE rejecting._ampsync_checkpoints TO ampsync_reader;
GRANT SELECT ON TABLE rejecting.blocks TO ampsync_reader;
GRANT SELECT ON TABLE resyncing._ampsync_checkpoints TO ampsync_reader;
GRANT SELECT ON TABLE resyncing.blocks TO ampsync_reader;
GRANT SELECT ON TABLE retrying._ampsync_checkpoints TO ampsync_reader;
GRANT SELECT ON TABLE retrying.blocks TO ampsync_reader;
GRANT SELECT ON TABLE upgraded._ampsync_checkpoints TO ampsync_reader;
GRANT SELECT ON TABLE upgraded.blocks TO ampsync_reader;
GRANT SELECT ON TABLE upgraded.logs TO ampsync_reader;
GRANT SELECT ON TABLE upgrading._ampsync_checkpoints TO ampsync_reader;
GRANT SELECT ON TABLE upgrading.blocks TO ampsync_reader;
GRANT SELECT ON TABLE upgrading.logs TO ampsync_reader;
