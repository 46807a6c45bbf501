-- The indexes that a table shall have by the options of its dataset, whether it exists or not:
-- on _block_num, and on a column block_num of the dataset, by option block_index; then those of
-- option indexes, which are btrees.
--
-- p_columns: jsonb array of {"name", …}: the user columns
create or replace function ampsync_private.wanted_indexes(
  p_dataset_id    bigint,
  p_table_name    text,
  p_has_block_num boolean,
  p_columns       jsonb
)
  returns table (method text, columns text[], options smallint[], "position" bigint)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with wanted as (
    select d.block_index as method, array[b.name] as columns, array[0]::smallint[] as options, b.position
      from ampsync_private.dataset d
     cross join (values ('_block_num', 1), ('block_num', 2)) b(name, position)
     where d.dataset_id = p_dataset_id
       and d.block_index <> 'none'
       and (b.name = '_block_num' and p_has_block_num
            or exists (select from jsonb_array_elements(p_columns) c where c.value ->> 'name' = b.name))
    union all
    select 'btree', array_agg(p.column_name order by c.position), array_agg(p.options order by c.position),
           2 + i.position
      from ampsync_private.dataset d
     cross join lateral jsonb_array_elements(d.indexes -> p_table_name) with ordinality i(columns, position)
     cross join lateral jsonb_array_elements_text(i.columns) with ordinality c(text, position)
     cross join lateral ampsync_private.parse_index_column(c.text) p
     where d.dataset_id = p_dataset_id
     group by i.position
  )
  select w.method, w.columns, w.options, min(w.position)
    from wanted w
   group by w.method, w.columns, w.options
   order by 4;
$$;

comment on function ampsync_private.wanted_indexes(bigint, text, boolean, jsonb)
  is 'The indexes that a table shall have by the options of its dataset.';
