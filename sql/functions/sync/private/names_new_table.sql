-- Whether options of a call name a table that its dataset does not sync or name yet: one that the
-- call would have made. Whoever began the sync had the right to make tables only for himself.
create or replace function ampsync_private.names_new_table(
  p_dataset ampsync_private.dataset,
  p_tables  text[],
  p_rename  jsonb,
  p_queries jsonb
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select t.name
      from (select unnest(p_tables)
             union all
            select k.name
              from (values (p_rename), (p_queries)) o(option)
             cross join jsonb_path_query(jsonb_strip_nulls(o.option), '$.keyvalue().key', silent => true) j(key)
             cross join lateral (select j.key #>> '{}') k(name)) t(name)
     where t.name <> all (coalesce(p_dataset.tables, '{}'))
       and not p_dataset.rename ? t.name
       and not exists (select 1
                         from ampsync_private.stream s
                        where s.dataset_id = p_dataset.dataset_id
                          and s.table_name = t.name));
$$;

comment on function ampsync_private.names_new_table(ampsync_private.dataset, text[], jsonb, jsonb)
  is 'Whether options name a table that a dataset does not sync or name yet.';
