-- The grants that a table gets which replaces another one: those of the old one, and its own on
-- columns that the old one lacks, as it has them when it comes back.
create or replace function ampsync_private.kept_grants(
  p_old regclass,
  p_new regclass
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
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

comment on function ampsync_private.kept_grants(regclass, regclass)
  is 'The grants that a table gets which replaces another one.';
