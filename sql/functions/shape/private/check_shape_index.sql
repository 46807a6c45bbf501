-- Refuses, with SY413, a shape with bound columns whose instances cannot be read by an index: one that begins with
-- them, or, of a dataset's table, its window of blocks.
create or replace function ampsync_private.check_shape_index(
  p_shape ampsync_private.shape,
  p_table ampsync_private.published
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_bound text[] := ampsync_private.bound_columns(p_shape.bind);
begin
  if cardinality(v_bound) = 0 or p_shape.unindexed or p_shape.keep_blocks is not null
     or exists (
       select
         from pg_index i
         join pg_class c on c.oid = i.indexrelid
         join pg_am m on m.oid = c.relam
        where i.indrelid = p_table.relation
          and i.indisvalid
          and m.amname = 'btree'
          and (i.indpred is null or ampsync_private.filter_text(i.indexrelid) = p_shape.filter)
          and (select array_agg(a.attname::text order by a.attname collate "C")
                 from unnest(ampsync_private.index_key_columns(i.indexrelid)) with ordinality k(attnum, n)
                 join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
                where k.n <= cardinality(v_bound)) = v_bound) then
    return;
  end if;
  perform ampsync_private.raise_shape(p_shape.name,
    format('no index begins with %s', (select string_agg(quote_ident(b.name), ', ') from unnest(v_bound) b(name))),
    'Each instance would be a look at the whole table.',
    format('create index %son %I.%I (%s);',
           case when exists (select from pg_class c where c.oid = p_table.relation and c.relkind = 'p') then ''
                else 'concurrently ' end,
           p_table.schema_name, p_table.table_name,
           (select string_agg(quote_ident(b.name), ', ') from unnest(v_bound) b(name))));
end;
$$;

comment on function ampsync_private.check_shape_index(ampsync_private.shape, ampsync_private.published)
  is 'Refuse a shape whose instances cannot be read by an index.';
