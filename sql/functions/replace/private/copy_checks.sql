-- Makes on a new table every CHECK constraint of the old one that it lacks, as far as it has the
-- columns, so that replace_target need not look at all of its rows while readers wait. Returns
-- how many.
--
-- To be called once the new table is loaded, before replace_target, like copy_indexes.
--
-- Idempotent. Locks: the new table (access exclusive), if it lacks one.
create or replace function ampsync_private.copy_checks(
  p_old regclass,
  p_new regclass
)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
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

comment on function ampsync_private.copy_checks(regclass, regclass)
  is 'Make on a new table the CHECK constraints of the old one that it lacks; returns how many.';
