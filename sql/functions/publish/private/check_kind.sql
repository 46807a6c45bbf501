-- Refuses, with SY402, to publish anything but an ordinary table with a primary key, or one that is
-- partitioned into such tables.
create or replace function ampsync_private.check_kind(
  p_relation regclass
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_others constant text := 'select schemaname, tablename from pg_tables where schemaname !~ '
                         || quote_literal('^(pg_|information_schema$|ampsync)') || ';';
  v_class record;
  v_queue oid := (select c.relnamespace from pg_class c where c.oid = 'graphile_worker.jobs'::regclass);
  v_other text;
  v_ends  text;
begin
  select c.relname, c.relkind, c.relpersistence, c.relispartition, c.relnamespace, n.nspname
    into v_class
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.oid = p_relation;
  if not found then
    perform ampsync_private.raise_unpublishable(p_relation, 'it does not exist', 'There is no such table.',
      c_others);
  end if;

  if v_class.relpersistence = 't' then
    perform ampsync_private.raise_unpublishable(p_relation, 'it is temporary', 'Its rows do not stand in WAL.',
      format('create table public.%I (like %s including all); -- And publish that one.',
             v_class.relname, p_relation));
  end if;
  if starts_with(v_class.nspname, 'ampsync') or starts_with(v_class.nspname, 'pg_')
     or v_class.nspname = 'information_schema' or v_class.relnamespace = v_queue then
    perform ampsync_private.raise_unpublishable(p_relation,
      format('the schema %I is not for applications', v_class.nspname),
      'The log must not capture itself, nor what belongs to the server.', c_others);
  end if;
  if v_class.relkind in ('i', 'I', 'S') then
    v_other := coalesce((select i.indrelid::regclass from pg_index i where i.indexrelid = p_relation),
                        (select d.refobjid::regclass
                           from pg_depend d
                          where d.classid = 'pg_class'::regclass and d.objid = p_relation
                            and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i')
                          limit 1))::text;
    perform ampsync_private.raise_unpublishable(p_relation,
      case v_class.relkind when 'S' then 'it is a sequence' else 'it is an index' end,
      'Only rows of tables come into the log.',
      coalesce('select ampsync.publish(' || quote_literal(v_other) || ');', c_others));
  end if;
  if v_class.relispartition then
    perform ampsync_private.raise_unpublishable(p_relation, 'it is a partition',
      'A partitioned table is published as a whole.',
      format('select ampsync.publish(%L);', pg_partition_root(p_relation)));
  end if;
  if v_class.relkind not in ('r', 'p') then
    perform ampsync_private.raise_unpublishable(p_relation,
      format('it is %s', case v_class.relkind when 'v' then 'a view' when 'm' then 'a materialized view'
                                              when 'f' then 'a foreign table' else 'no table' end),
      'What is written there does not stand in WAL as rows of it.',
      coalesce(ampsync_private.read_tables_statement(p_relation), c_others));
  end if;

  if v_class.relpersistence = 'u' then
    perform ampsync_private.raise_unpublishable(p_relation, 'it is unlogged', 'Its rows do not stand in WAL.',
      format('alter table %s set logged;', p_relation));
  end if;
  if v_class.relkind = 'r' and exists (select from pg_inherits i where i.inhparent = p_relation) then
    perform ampsync_private.raise_unpublishable(p_relation, 'other tables inherit from it',
      'Rows of its children would be taken for its own.',
      (select string_agg(format('select ampsync.publish(%L);', i.inhrelid::regclass), ' ' order by i.inhrelid)
         from pg_inherits i
        where i.inhparent = p_relation));
  end if;
  select u.tables, u.statements into v_other, v_ends from ampsync_private.unlogged_partitions(p_relation) u;
  if v_other is not null then
    perform ampsync_private.raise_unpublishable(p_relation, 'rows of some partitions do not stand in WAL',
      format('Foreign or unlogged: %s.', v_other), v_ends);
  end if;
  if not exists (select from pg_index i where i.indrelid = p_relation and i.indisprimary) then
    perform ampsync_private.raise_unpublishable(p_relation, 'it has no primary key',
      'Its rows cannot be told apart.',
      coalesce(ampsync_private.primary_key_statement(p_relation), c_others));
  end if;
end;
$$;

comment on function ampsync_private.check_kind(regclass)
  is 'Refuse to publish anything but an ordinary or partitioned table with a primary key.';
