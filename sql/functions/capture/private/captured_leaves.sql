-- The leaves of a partitioned table, whose rows are decoded under its name; of any other table none. From the
-- catalogue alone: pg_partition_tree would wait for whoever holds one of them.
create or replace function ampsync_private.captured_leaves(
  p_relation regclass
)
  returns oid[]
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select array(select t.relation
                 from ampsync_private.table_tree(p_relation) t
                where t.kind <> 'p' and t.relation <> p_relation
                order by 1);
$$;

comment on function ampsync_private.captured_leaves(regclass)
  is 'The leaves of a partitioned table.';
