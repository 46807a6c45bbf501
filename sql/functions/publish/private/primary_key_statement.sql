-- The statement that gives a table a primary key, of a column that it adds; of a partitioned one with those it is
-- partitioned by. Null where it is partitioned by an expression: it can have none.
create or replace function ampsync_private.primary_key_statement(
  p_relation regclass
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with divided as (
    select distinct k.attnum, a.attname
      from ampsync_private.table_tree(p_relation) t
      join pg_partitioned_table d on d.partrelid = t.relation
     cross join unnest(d.partattrs::smallint[]) k(attnum)
      left join pg_attribute a on a.attrelid = d.partrelid and a.attnum = k.attnum and k.attnum > 0
  )
  select format('alter table %s add column %I uuid not null default gen_random_uuid(), add primary key (%s); '
                || '-- Columns that tell its rows apart serve as well.',
                p_relation, f.name, concat_ws(', ', (select string_agg(quote_ident(d.attname), ', ') from divided d),
                                              quote_ident(f.name)))
    from (select n.name
            from unnest(array['id', 'row_id', 'published_row_id']) with ordinality n(name, place)
           where not exists (select from pg_attribute a where a.attrelid = p_relation and a.attname = n.name)
           order by n.place
           limit 1) f
   where not exists (select from divided d where d.attname is null);
$$;

comment on function ampsync_private.primary_key_statement(regclass)
  is 'The statement that gives a table a primary key.';
