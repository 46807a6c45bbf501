-- Statements that give the columns of a table the comments, defaults, statistics targets and
-- options of those of the one that it replaces, to be executed once it has that one's name, p_name.
-- Where the type is the same, storage and compression as well: they hold for rows to come. From
-- PostgreSQL 18 on NOT NULL is a constraint with a name.
create or replace function ampsync_private.column_steps(
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
  with kept as (
    select o.*, n.attnum as new_attnum, n.attstattarget as new_target, n.attoptions as new_options,
           n.attstorage as new_storage, n.attcompression as new_compression, not f.changed as is_same_type
      from ampsync_private.column_fate(p_old, ampsync_private.table_columns(p_new)) f
      join pg_attribute o on o.attrelid = p_old and o.attnum = f.attnum
      join pg_attribute n on n.attrelid = p_new and n.attname = f.name and n.attnum > 0
     where not f.gone
  )
  select 'pg_class'::regclass::oid, p_old::oid, s.ddl
    from (select format('comment on column %s.%I is %L', p_name, k.attname, col_description(p_old, k.attnum))
            from kept k
           where col_description(p_old, k.attnum) <> coalesce(col_description(p_new, k.new_attnum), '')
          union all
          select format('alter table %s alter column %I set statistics %s', p_name, k.attname,
                        coalesce(k.attstattarget, -1))
            from kept k
           where coalesce(k.attstattarget, -1) <> coalesce(k.new_target, -1)
          union all
          select format('alter table %s alter column %I reset (%s)', p_name, k.attname,
                        (select string_agg(quote_ident(x.option_name), ', ') from pg_options_to_table(k.new_options) x))
            from kept k
           where k.new_options is distinct from k.attoptions and k.new_options is not null
          union all
          select format('alter table %s alter column %I set (%s)', p_name, k.attname,
                        (select string_agg(format('%I = %L', x.option_name, x.option_value), ', ')
                           from pg_options_to_table(k.attoptions) x))
            from kept k
           where k.new_options is distinct from k.attoptions and k.attoptions is not null
          union all
          select format('alter table %s alter column %I set storage %s', p_name, k.attname,
                        case k.attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main'
                                          else 'extended' end)
            from kept k
           where k.is_same_type and k.attstorage <> k.new_storage
          union all
          select format('alter table %s alter column %I set compression %s', p_name, k.attname,
                        case k.attcompression when 'l' then 'lz4' when 'p' then 'pglz' else 'default' end)
            from kept k
           where k.is_same_type and k.attcompression <> k.new_compression
          union all
          select format('alter table %s alter column %I drop default', p_name, k.attname)
            from kept k
            join pg_attrdef d on d.adrelid = p_new and d.adnum = k.new_attnum
          union all
          select format('alter table %s alter column %I set default %s', p_name, k.attname,
                        pg_get_expr(d.adbin, d.adrelid))
            from kept k
            join pg_attrdef d on d.adrelid = p_old and d.adnum = k.attnum
           where k.is_same_type and k.attgenerated = ''
          union all
          select format('alter table %s rename constraint %I to %I', p_name, n.conname, o.conname)
            from kept k
            join pg_constraint o on o.conrelid = p_old and o.contype = 'n' and o.conkey = array[k.attnum]
            join pg_constraint n on n.conrelid = p_new and n.contype = 'n' and n.conkey = array[k.new_attnum]
           where n.conname <> o.conname) s(ddl);
$$;

comment on function ampsync_private.column_steps(regclass, regclass, text)
  is 'Statements that give the columns of a table comments, defaults and settings of those that they replace.';
