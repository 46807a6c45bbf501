-- The columns that an index needs, those of its expressions and predicate included.
create or replace function ampsync_private.index_columns(
  p_index regclass
)
  returns name[]
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
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

comment on function ampsync_private.index_columns(regclass)
  is 'The columns that an index needs.';
