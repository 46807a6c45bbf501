-- Gives the tables of a dataset the place of those that the Rust ampsync made, in one
-- transaction: their schema, names and all that hangs on them (replace_target). The dataset was
-- loaded beside them before and is live, so readers see all rows before and after. What that
-- program loaded is never continued, because it can lack rows: it dropped equal ones, and moved
-- its checkpoints within unfinished microbatches.
--
-- The old tables get the names that ours had until now. The checkpoints of that program become
-- `_ampsync_checkpoints_backup` once none of its tables is left in the schema, so that it fails
-- if it still runs. Tables of the dataset that it did not have are moved as well.
--
-- Runs with its owner's rights. The caller must have the right to create tables in the schema, and
-- the rights of the owner of each old table, unless it was given to ampsync_worker before.
--
-- Idempotent. Waits at most 300 ms for each table; then (55P03), and for whatever else is in the
-- way, nothing has changed. Tables that get or lose one of the names meanwhile are refused (SY205).
--
-- Locks: dataset row; for each stream fence (exclusive), stream row, lease row; advisory locks on
-- the names of both schemas; the tables (access share); these, and what reads them
-- (lock_replacement); the old checkpoints; then as log_exchange: where the dataset is published, commits of all
-- published ones wait until the caller's transaction ends.
create or replace function ampsync.adopt(
  inout dataset       text,
  in    target_schema text default 'public',
  out   table_name    text,
  out   state         text,
  out   hint          text
)
  returns setof record
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
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
  perform ampsync_private.refuse_http(v_dataset_id, 'adopt');
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
  perform ampsync_private.log_exchange(jsonb_object_agg(h.stream_id, null))
     from jsonb_to_recordset(v_held) h(stream_id bigint);

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

comment on function ampsync.adopt(text, text)
  is 'Give the tables of a dataset the place of those that the Rust ampsync made.';
