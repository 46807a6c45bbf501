-- Holds what adoptable says, and checks it then: from here on none of these tables can be renamed,
-- dropped or given to another role. Returns their OIDs, as [{"stream_id", "target", "old"}].
--
-- A name is looked up for the last time here. Looked up after the last check, it could mean a table
-- that somebody made meanwhile, and indexes, constraints and defaults of it would run functions of his as
-- our own role.
--
-- Locks: the tables (access share), in the order of their OIDs.
create or replace function ampsync_private.hold_adoptable(
  p_dataset_id    bigint,
  p_target_schema text
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
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

comment on function ampsync_private.hold_adoptable(bigint, text)
  is 'Lock the tables that ampsync.adopt exchanges, check them once more, and return their OIDs.';
