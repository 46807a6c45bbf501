-- Partitions of a table whose rows do not stand in WAL, and the statements that mend it; nulls: there are none.
create or replace function ampsync_private.unlogged_partitions(
  p_relation regclass,
  out tables     text,
  out statements text
)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select string_agg(t.relation::text, ', ' order by c.oid),
         string_agg(case when c.relkind in ('r', 'p') then format('alter table %s set logged;', t.relation)
                         else format('alter table %s detach partition %s;', i.inhparent::regclass, t.relation) end,
                    ' ' order by c.oid)
    from ampsync_private.identity_tables(p_relation) t
    join pg_class c on c.oid = t.relation
    left join pg_inherits i on i.inhrelid = t.relation
   where c.relpersistence <> 'p'
      or c.relkind not in ('r', 'p');
$$;

comment on function ampsync_private.unlogged_partitions(regclass)
  is 'Partitions of a table whose rows do not stand in WAL, and the statements that mend it.';
