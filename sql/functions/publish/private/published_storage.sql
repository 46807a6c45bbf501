-- What a look compares beside the columns: signs of changes that send nothing through WAL, or an equal Relation.
-- {"natts": columns that the table ever had, "attributes": {number: the transaction that wrote the record of that
--  column}, "leaves": {oid: {"file": relfilenode, "inherits": the transaction that
--  attached it, "attributes": a hash of which transactions wrote the records of its columns}} of the table and its
--  partitions, "enums": {oid: label} of all enums that columns use, "children": how many tables inherit from it,
--  "publication": {"xmin", "rel", "rel_xmin"} of its membership, null if it is no member}.
--
-- A rewrite gives new files and writes records of columns; VACUUM FULL does only the former. relfilenode is read from
-- the catalogue: pg_relation_filenode runs ahead of the snapshot.
create or replace function ampsync_private.published_storage(
  p_table regclass
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with recursive tree as (
    select * from ampsync_private.table_tree(p_table)
  ),
  types as (
    select a.atttypid as type
      from pg_attribute a
     where a.attrelid = p_table
       and a.attnum > 0
       and not a.attisdropped
    union
    select case when t.typtype = 'd' then t.typbasetype else t.typelem end
      from types u
      join pg_type t on t.oid = u.type
     where t.typtype = 'd' or t.typcategory = 'A' and t.typelem <> 0
  )
  select jsonb_build_object(
    'natts', (select c.relnatts from pg_class c where c.oid = p_table),
    'attributes', (select coalesce(jsonb_object_agg(a.attnum::text, a.xmin::text), '{}')
                     from pg_attribute a
                    where a.attrelid = p_table
                      and a.attnum > 0),
    'leaves', (select coalesce(jsonb_object_agg(t.relation::text, jsonb_build_object(
                                 'file', t.file::text, 'inherits', t.inherits::text, 'attributes', h.hash)), '{}')
                 from tree t
                cross join lateral (select md5(string_agg(format('%s.%s', a.attnum, a.xmin), ','
                                                          order by a.attnum)) as hash
                                      from pg_attribute a
                                     where a.attrelid = t.relation
                                       and a.attnum > 0) h),
    'enums', (select coalesce(jsonb_object_agg(e.oid::text, e.enumlabel), '{}')
                from types u
                join pg_enum e on e.enumtypid = u.type),
    'children', (select count(*)
                   from pg_inherits i
                   join pg_class c on c.oid = i.inhparent
                  where i.inhparent = p_table and c.relkind <> 'p'),
    'publication', (select jsonb_build_object('xmin', p.xmin::text, 'rel', r.oid::text, 'rel_xmin', r.xmin::text)
                      from pg_publication p
                      join pg_publication_rel r on r.prpubid = p.oid
                     where p.pubname = 'ampsync' and r.prrelid = p_table));
$$;

comment on function ampsync_private.published_storage(regclass)
  is 'Files, records of columns, enum labels and membership of a table: what a look compares.';
