-- The query by which a stream follows its table, as src/stream/table-query.ts writes it: its own,
-- or the stored columns in their order, then those that the plan adds. Null while no column is
-- known.
create or replace function ampsync_private.explain_query(
  p_stream_id bigint,
  p_version   text,
  p_plan      jsonb
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with stored as (
    select s.*, ampsync_private.source_schema(d, p_version) as source_schema
      from ampsync_private.stream s
      join ampsync_private.dataset d using (dataset_id)
     where s.stream_id = p_stream_id
  ),
  col as (
    select 1 as part, c.ordinality as n, c.value ->> 'name' as name
      from stored s
     cross join jsonb_array_elements(s.columns) with ordinality c
    union all
    select 2, c.ordinality, c.value ->> 'name'
      from stored s
     cross join jsonb_array_elements(p_plan -> 'columns') with ordinality c
     where not coalesce(s.columns @> jsonb_build_array(jsonb_build_object('name', c.value -> 'name')), false)
    union all
    select 0, 0, '_block_num'
      from stored s
     where coalesce((p_plan ->> 'has_block_num')::boolean, s.has_block_num)
  )
  select s.query || ' SETTINGS stream = true' from stored s where s.query is not null
  union all
  select format('SELECT %s FROM %s%s SETTINGS stream = true', c.list,
                ampsync_private.quote_always(s.source_schema) || '.' || ampsync_private.quote_always(s.table_name),
                case when s.from_block > 0 then format(' WHERE "_block_num" >= %s', s.from_block) else '' end)
    from stored s
   cross join lateral (
     select string_agg(ampsync_private.quote_always(c.name), ', ' order by c.part, c.n) as list from col c
   ) c
   where c.list is not null
     and s.query is null;
$$;

comment on function ampsync_private.explain_query(bigint, text, jsonb)
  is 'The query by which a stream follows its table.';
