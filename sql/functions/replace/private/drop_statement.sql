-- The statement that removes an object which depends on a table; null for one that has none.
create or replace function ampsync_private.drop_statement(
  p_class_id  oid,
  p_object_id oid,
  p_sub_id    integer
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case
           when i.type = 'default value' then
             (select format('alter table %s alter column %I drop default;', a.attrelid::regclass, a.attname)
                from pg_attrdef d
                join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
               where d.oid = p_object_id)
           when i.type in ('view column', 'materialized view column') then
             format('drop %s %s;', replace(i.type, ' column', ''), p_object_id::regclass)
           when i.type = 'table column' then
             (select format('alter table %s drop column %I;', a.attrelid::regclass, a.attname)
                from pg_attribute a
               where a.attrelid = p_object_id and a.attnum = p_sub_id)
           when i.type = 'table constraint' then
             (select format('alter table %s drop constraint %I;', k.conrelid::regclass, k.conname)
                from pg_constraint k
               where k.oid = p_object_id)
           when i.type = 'publication relation' then
             (select format('alter publication %I drop table %s;', p.pubname, r.prrelid::regclass)
                from pg_publication_rel r
                join pg_publication p on p.oid = r.prpubid
               where r.oid = p_object_id)
           when i.type = 'statistics object' then format('drop statistics %s;', i.identity)
           when i.type in ('aggregate', 'domain', 'function', 'index', 'materialized view', 'policy', 'procedure',
                           'rule', 'sequence', 'table', 'trigger', 'type', 'view') then
             format('drop %s %s;', i.type, i.identity)
         end
    from pg_identify_object(p_class_id, p_object_id, p_sub_id) i;
$$;

comment on function ampsync_private.drop_statement(oid, oid, integer)
  is 'The statement that removes an object which depends on a table.';
