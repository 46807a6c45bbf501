-- Puts a new table with other columns in the place of a target, in the caller's transaction. It
-- takes the name and all that hangs on it (docs/operations.md lists it); the old table becomes
-- p_keep_schema.p_keep_name, with its indexes and with what needs columns that the new one
-- lacks. So a second call with the tables exchanged takes everything back.
--
-- The OID of the target changes: the caller stores it. Readers wait until the transaction ends
-- and then find the new table, prepared statements and views included.
--
-- Raises SY201 for what cannot be kept (check_replaceable), and 55P03 if somebody holds a lock
-- for 300 ms: then the caller's transaction is to be repeated after a pause. To keep it short,
-- copy_indexes is called before.
--
-- Locks: lock_replacement, which the caller has called for all tables if it replaces several.
create or replace function ampsync_private.replace_target(
  p_old         regclass,
  p_new         regclass,
  p_keep_schema text,
  p_keep_name   text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
  set jit = off
as $$
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

comment on function ampsync_private.replace_target(regclass, regclass, text, text)
  is 'Put a table with other columns in the place of a target, with all that hangs on it; the old one is kept aside.';
