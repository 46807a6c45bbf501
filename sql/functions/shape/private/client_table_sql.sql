-- The statements that make the table of a shape in clients, in their order; what is there stays.
--
-- Columns with their types there (enums are text, domains their base type), the primary key, generated columns with
-- their expressions, defaults that clients have as well. No other constraint: rows come by table, and in an order of
-- their own, so that states between them would break it, and the server has it. A unique one becomes an index without
-- uniqueness. Nothing of collations: their order is C.
--
-- p_columns  of the table (present_columns)
create or replace function ampsync_private.client_table_sql(
  p_shape   ampsync_private.shape,
  p_table   ampsync_private.published,
  p_columns jsonb
)
  returns text[]
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with name as (
    select format('%I.%I', p_table.schema_name, p_table.table_name) as target
  ), col as (
    select c.n, c.name, c.is_key,
           format('  %I %s%s', c.name, c.client_type, case
             when c.generated is not null
               then format(' generated always as (%s) %s', c.col ->> 'expression', c.generated)
             else coalesce(' default ' || ampsync_private.client_default(c.col ->> 'default'), '') end) as line
      from ampsync_private.shape_columns(p_shape, p_columns) c
  ), index as (
    select c.relname as name, string_agg(quote_ident(a.attname), ', ' order by k.n) as columns
      from pg_index i
      join pg_class c on c.oid = i.indexrelid
     cross join unnest(ampsync_private.index_key_columns(i.indexrelid)) with ordinality k(attnum, n)
      left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum and a.attnum > 0
      left join col l on l.name = a.attname
     where i.indrelid = p_table.relation
       and not i.indisprimary
       and i.indpred is null
       -- By the second clients find the rows of blocks whose key does not say the block.
       and (i.indisunique or p_table.mode = 'blocks' and a.attname = '_block_num_end')
     group by c.relname
    having bool_and(l.name is not null)
  )
  select array[format('create schema if not exists %I', p_table.schema_name),
               format(E'create table if not exists %s (\n%s,\n  primary key (%s)\n)', t.target,
                      (select string_agg(c.line, E',\n' order by c.n) from col c),
                      (select string_agg(quote_ident(k.name), ', ' order by k.n)
                         from ampsync_private.key_columns(p_table, p_columns) k))]
         || array(select format('create index if not exists %I on %s (%s)', i.name, t.target, i.columns)
                    from index i
                   order by i.name)
    from name t;
$$;

comment on function ampsync_private.client_table_sql(ampsync_private.shape, ampsync_private.published, jsonb)
  is 'The statements that make the table of a shape in clients.';
