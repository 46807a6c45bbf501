-- Makes on a new table every index, unique and exclusion constraint of the old one that it
-- lacks, as far as it has the columns. Returns how many. Their names come with replace_target.
-- An index whose columns the new table lacks stays with the old one; one that is dropped while
-- others are made is not made.
--
-- To be called once the new table is loaded, before replace_target: that calls it again, but by
-- then readers wait.
--
-- Idempotent. Locks: the new table (share; access exclusive for constraints).
create or replace function ampsync_private.copy_indexes(
  p_old regclass,
  p_new regclass
)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
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

comment on function ampsync_private.copy_indexes(regclass, regclass)
  is 'Make on a new table the indexes of the old one that it lacks; returns how many.';
