-- Statements that give a table the CHECK constraints of the one that it replaces, as far as it has
-- their columns, to be executed once it has that one's name, p_name. Those that the old one could
-- have, and has not, are dropped: somebody dropped them.
create or replace function ampsync_private.check_steps(
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
  with checks as (
    select k.oid, k.conrelid, k.conname, pg_get_constraintdef(k.oid) as definition,
           ampsync_private.without_casts(pg_get_constraintdef(k.oid)) as form,
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
       and not exists (select 1 from kept k where k.conname = c.conname and k.form = c.form)
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
                              where c.conrelid = p_new and c.conname = k.conname and c.form = k.form)
          union all
          select 3, k.oid, format('comment on constraint %I on %s is %L', k.conname, p_name,
                                  obj_description(k.oid, 'pg_constraint'))
            from kept k
           where obj_description(k.oid, 'pg_constraint') is not null) s(n, oid, ddl)
   order by s.n;
$$;

comment on function ampsync_private.check_steps(regclass, regclass, text)
  is 'Statements that give a table the CHECK constraints of the one that it replaces.';
