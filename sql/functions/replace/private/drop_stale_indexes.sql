-- Drops from a new table the unique indexes and the constraints with an index that the old one
-- could have, and has not: when a table that was replaced comes back, somebody dropped them
-- meanwhile, and they would refuse rows. Other indexes refuse nothing.
--
-- Locks: the new table (access exclusive).
create or replace function ampsync_private.drop_stale_indexes(
  p_old regclass,
  p_new regclass
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
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

comment on function ampsync_private.drop_stale_indexes(regclass, regclass)
  is 'Drop from a new table the unique indexes that the old one could have and has not.';
