-- Statements that complete the indexes of a table like those of the one that it replaces: storage
-- parameters, comments, statistics targets, CLUSTER mark, replica identity. To be executed once
-- the indexes have their names, and the table that of the old one, p_name (exchange_names).
create or replace function ampsync_private.index_steps(
  p_old regclass,
  p_new regclass,
  p_name text
)
  returns table (class_id oid, object_id oid, ddl text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
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

comment on function ampsync_private.index_steps(regclass, regclass, text)
  is 'Statements that complete the indexes of a table like those of the one that it replaces.';
