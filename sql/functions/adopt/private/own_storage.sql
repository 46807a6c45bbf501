-- How a table of ours stores its rows, as far as the table whose place it takes has no setting
-- of its own there: clauses of ALTER TABLE, to be executed after replace_target, which copies
-- the settings of that table. Null if there is nothing to set.
create or replace function ampsync_private.own_storage(
  p_old regclass,
  p_new regclass
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with setting as (
    select c.oid, o.option_name, o.option_value
      from pg_class c
     cross join lateral pg_options_to_table(c.reloptions) o
     where c.oid in (p_old, p_new)
  ), clause (clause) as (
    select format('set (%s)', string_agg(format('%s = %L', s.option_name, s.option_value), ', '))
      from setting s
     where s.oid = p_new
       and s.option_name not in (select t.option_name from setting t where t.oid = p_old)
    having count(*) > 0
     union all
    select case when n.attcompression = 'l' then format('alter column %I set compression lz4', n.attname)
                else format('alter column %I set storage external', n.attname) end
      from pg_attribute n
      join pg_attribute o on o.attrelid = p_old and o.attname = n.attname and not o.attisdropped
      join pg_type t on t.oid = o.atttypid
     where n.attrelid = p_new
       and n.attnum > 0
       and not n.attisdropped
       and (n.attcompression = 'l' or n.attstorage = 'e')
       and o.attcompression = ''
       and o.attstorage = t.typstorage
  )
  select string_agg(c.clause, ', ') from clause c;
$$;

comment on function ampsync_private.own_storage(regclass, regclass)
  is 'Storage settings of a table of ours that the table whose place it takes does not set.';
