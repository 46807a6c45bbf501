-- The tables whose replica identity counts for a table: itself, and where it is partitioned all its
-- partitions, each of which sends its rows with an identity of its own. From the catalogue alone: nobody who
-- holds one of them is waited for.
create or replace function ampsync_private.identity_tables(
  p_relation regclass
)
  returns table (relation regclass)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select t.relation::regclass
    from ampsync_private.table_tree(p_relation) t;
$$;

comment on function ampsync_private.identity_tables(regclass)
  is 'A table and all its partitions.';
