-- What rows of a table have in its columns that are older than they: {column: text}, without those where that is NULL.
--
-- In PL/pgSQL, which keeps plans; without force_generic_plan it would plan each time all the same.
create or replace function ampsync_private.missing_values(
  p_relation regclass
)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
as $$
begin
  return (
    select coalesce(jsonb_object_agg(m.name, m.value), '{}')
      from (select a.attname as name, min((a.attmissingval::text::text[])[1]) as value
              from ampsync_private.table_tree(p_relation) t
           cross join lateral (
             select n.attname, n.attmissingval
               from pg_attribute n
              where n.attrelid = t.relation
                and n.atthasmissing
                and not n.attisdropped
             offset 0) a -- By their table: not all columns of the database.
             group by a.attname) m
     where m.value is not null);
end;
$$;

comment on function ampsync_private.missing_values(regclass)
  is 'What rows of a table have in its columns that are older than they.';
