-- The name of an index to be made: {table}_{columns}_idx. If that has more than 63 bytes, or is
-- the name of something else, the table is cut to 40 bytes (whole characters) and 8 digits of a
-- hash follow it, then the columns if they still fit.
create or replace function ampsync_private.index_name(
  p_target  regclass,
  p_method  text,
  p_columns text[],
  p_options smallint[]
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with parts as (
    select c.relnamespace, c.relname::text as table_name,
           '_' || array_to_string(p_columns, '_') || '_idx' as suffix,
           left(md5(format('%s %s %s %s', c.relname, p_method, p_columns, p_options)), 8) as hash
      from pg_class c
     where c.oid = p_target
  ),
  forms as (
    select 1 as preference, p.table_name || p.suffix as name, p.relnamespace
      from parts p
    union all
    select 2, ampsync_private.cut_name(p.table_name, 40) || '_' || p.hash
              || case when octet_length(p.suffix) <= 14 then p.suffix else '_idx' end,
           p.relnamespace
      from parts p
  )
  select f.name
    from forms f
   where octet_length(f.name) <= 63
   order by exists (select from pg_class c where c.relnamespace = f.relnamespace and c.relname = f.name),
            f.preference
   limit 1;
$$;

comment on function ampsync_private.index_name(regclass, text, text[], smallint[])
  is 'A name of at most 63 bytes for an index of a table, free if possible.';
