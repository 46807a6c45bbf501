-- Statements that give a table the storage parameters, replica identity, comment and CLUSTER mark
-- of the one that it replaces, to be executed once it has that one's name, p_name.
create or replace function ampsync_private.table_steps(
  p_old regclass,
  p_new regclass,
  p_name text
)
  returns table (class_id oid, object_id oid, ddl text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with option as (
    select o.oid = p_old::oid as is_old, o.prefix || quote_ident(s.option_name) as name, s.option_value as value
      from (select c.oid, '' as prefix, c.reloptions from pg_class c where c.oid in (p_old, p_new)
            union all
            select c.oid, 'toast.', t.reloptions
              from pg_class c
              join pg_class t on t.oid = c.reltoastrelid
             where c.oid in (p_old, p_new)) o
     cross join lateral pg_options_to_table(o.reloptions) s
  )
  select 'pg_class'::regclass::oid, p_old::oid, s.ddl
    from (select format('alter table %s reset (%s)', p_name, string_agg(n.name, ', '))
            from option n
           where not n.is_old
             and n.name not in (select o.name from option o where o.is_old)
          having count(*) > 0
          union all
          select format('alter table %s set (%s)', p_name, string_agg(format('%s = %L', o.name, o.value), ', '))
            from option o
           where o.is_old
          having count(*) > 0
          union all
          select format('comment on table %s is %L', p_name, obj_description(p_old, 'pg_class'))
           where obj_description(p_old, 'pg_class') is not null
          union all
          select format('alter table %s replica identity %s', p_name,
                        case c.relreplident when 'f' then 'full' when 'n' then 'nothing' else 'default' end)
            from pg_class c
           where c.oid = p_old
             and c.relreplident <> 'i' -- With the index: index_steps.
          union all
          select format('alter table %s set without cluster', p_name)
           where not exists (select 1 from pg_index i where i.indrelid = p_old and i.indisclustered)) s(ddl);
$$;

comment on function ampsync_private.table_steps(regclass, regclass, text)
  is 'Statements that give a table storage parameters, replica identity and comment of the one that it replaces.';
