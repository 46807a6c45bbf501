-- Rejects a declaration of indexes that is wrong, before it is stored: one that is not an object
-- of lists of lists of columns; a table that the dataset is known not to sync; a column that a
-- table, once it exists, lacks. What cannot be known yet is checked when the index is built,
-- and shown by ampsync.indexes.
create or replace function ampsync_private.check_indexes(
  p_dataset_id bigint,
  p_indexes    jsonb
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset ampsync_private.dataset;
  v_stream  ampsync_private.stream;
  v_known   text[];
  v_example text;
  v_table   record;
  v_index   jsonb;
  v_columns text[];
  v_missing text[];
begin
  select * into strict v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id;
  v_known := coalesce(v_dataset.tables, v_dataset.resolved_tables);
  v_example := format('select ampsync.enqueue_sync(%L, indexes => ''{"%s": [["_block_num desc"]]}'');',
                      v_dataset.label, coalesce(v_known[1], 'logs'));

  if jsonb_typeof(p_indexes) <> 'object' then
    raise exception using
      errcode = 'SY004',
      message = format('indexes => a JSON %s is not an object of tables', jsonb_typeof(p_indexes)),
      detail  = 'It has one member per table: a list of indexes, each of them a list of columns.',
      hint    = v_example;
  end if;

  for v_table in
    select t.key as name, t.value as indexes from jsonb_each(p_indexes) t
  loop
    perform ampsync_private.check_table_name(v_table.name);
    if v_table.name <> all (v_known) then
      raise exception using
        errcode = 'SY004',
        message = format('indexes => table %s is not synced', v_table.name),
        detail  = format('Tables of %s: %s.', v_dataset.label, left(array_to_string(v_known, ', '), 2000)),
        hint    = v_example;
    end if;

    select * into v_stream
      from ampsync_private.stream s
     where s.dataset_id = p_dataset_id and s.table_name = v_table.name and s.shadow_of is null;

    if jsonb_typeof(v_table.indexes) <> 'array' then
      raise exception using
        errcode = 'SY004',
        message = format('indexes => table %s has no list of indexes', v_table.name),
        detail  = format('Given: %s.', left(v_table.indexes::text, 200)),
        hint    = v_example;
    end if;
    for v_index in select i.value from jsonb_array_elements(v_table.indexes) i
    loop
      if jsonb_typeof(v_index) <> 'array' or jsonb_array_length(v_index) not between 1 and 32
         or exists (select from jsonb_array_elements(v_index) c where jsonb_typeof(c.value) <> 'string') then
        raise exception using
          errcode = 'SY004',
          message = format('indexes => table %s: %s is not a list of 1 to 32 columns', v_table.name,
                           left(v_index::text, 200)),
          detail  = 'Each column is a text: its name, with asc, desc, nulls first or nulls last behind it if wanted.',
          hint    = v_example;
      end if;

      v_columns := array(select p.column_name
                           from jsonb_array_elements_text(v_index) c
                          cross join lateral ampsync_private.parse_index_column(c.value) p);
      if cardinality(v_columns) <> (select count(distinct c.name) from unnest(v_columns) c(name)) then
        raise exception using
          errcode = 'SY004',
          message = format('indexes => table %s: %s names a column twice', v_table.name, left(v_index::text, 200)),
          detail  = 'Each column of an index once.',
          hint    = v_example;
      end if;

      v_missing := ampsync_private.missing_index_columns(v_stream.target, v_columns);
      if v_missing <> '{}' then
        raise exception using
          errcode = 'SY004',
          message = format('indexes => table %s has no column %s', v_table.name, array_to_string(v_missing, ', ')),
          detail  = format('Given: %s. Names are taken as they are written, upper case included.',
                           left(v_index::text, 200)),
          hint    = v_example;
      end if;
    end loop;
  end loop;
end;
$$;

comment on function ampsync_private.check_indexes(bigint, jsonb)
  is 'Raise SY004 for a declaration of indexes that is known to be wrong.';
