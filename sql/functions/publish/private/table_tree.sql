-- A table and, of a partitioned one, all below it: partitions of every level, those that hold rows being leaves.
-- One that is being detached concurrently is gone: who reads the table does not see it.
--
-- From tables, so that it is read with the snapshot of the caller's statement; pg_partition_tree has a newer one. In
-- PL/pgSQL, which keeps plans.
create or replace function ampsync_private.table_tree(
  p_table regclass
)
  returns table (relation oid, kind "char", file oid, inherits xid)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
    with recursive tree as (
      select c.oid as relation, c.relkind, c.relfilenode, null::xid as inherits
        from pg_class c
       where c.oid = p_table
      union all
      select c.oid, c.relkind, c.relfilenode, i.xmin
        from tree t
        join pg_inherits i on i.inhparent = t.relation
        join pg_class c on c.oid = i.inhrelid
       where t.relkind = 'p'
         and not i.inhdetachpending
    )
    select t.relation, t.relkind, t.relfilenode, t.inherits
      from tree t;
end;
$$;

comment on function ampsync_private.table_tree(regclass)
  is 'A table with its partitions of all levels: kind, file, and the transaction that attached each.';
