-- Stores the option `queries` of a dataset, table by table. Queries that are not mentioned stay.
--
-- A table that has loaded something keeps the query that its rows come from until a resync takes
-- the new one, which the hint of the call says: rows of two queries would be a table that no
-- query describes. With on_new_version `resync` the resync begins at once.
--
-- A null takes a query back, by the same rules: its table is the one that the version of the
-- dataset has, and is refused where that has none (check_query_removed).
--
-- `tables` are always all that have queries, and others where they are named.
--
-- Locks: for each stream that takes another query fence (exclusive), stream row, lease row. The
-- caller holds the dataset row.
create or replace function ampsync_private.apply_queries(
  p_dataset_id      bigint,
  p_tables          text[],
  p_exclude_columns jsonb,
  p_from_block      bigint,
  p_queries         jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset ampsync_private.dataset;
  v_clean   record;
  v_tables  text[];
  v_wrong   text;
  v_stream  ampsync_private.stream;
begin
  select * into strict v_dataset from ampsync_private.dataset d where d.dataset_id = p_dataset_id;
  for v_clean in
    select * from ampsync_private.clean_queries(v_dataset.label, p_queries)
  loop
    if v_clean.removed <> '{}' and v_dataset.queries ->> v_clean.table_name is distinct from v_clean.query then
      perform ampsync_private.journal(null, 'sql_sanitised', jsonb_build_object(
                'table', v_clean.table_name, 'removed', to_jsonb(v_clean.removed), 'query', v_clean.query),
              p_dataset_id);
    end if;
    if v_clean.query is null and v_dataset.queries ? v_clean.table_name then
      perform ampsync_private.check_query_removed(v_dataset, v_clean.table_name);
    end if;
    v_dataset.queries := jsonb_strip_nulls(
      v_dataset.queries || jsonb_build_object(v_clean.table_name, v_clean.query));
  end loop;
  if v_dataset.queries = '{}' and not exists (select 1
                                                from ampsync_private.stream s
                                               where s.dataset_id = p_dataset_id and s.query is not null) then
    return;
  end if;

  perform ampsync_private.check_query_start(v_dataset, null, coalesce(p_from_block, v_dataset.from_block));
  select k.name into v_wrong
    from jsonb_object_keys(jsonb_strip_nulls(v_dataset.exclude_columns || coalesce(p_exclude_columns, '{}'))) k(name)
   where v_dataset.queries ? k.name
   limit 1;
  if found then
    raise exception using
      errcode = 'SY004',
      message = format('exclude_columns: table %s has a query', v_wrong),
      detail  = 'Its columns are those that its query selects.',
      hint    = format('select ampsync.enqueue_sync(%L, exclude_columns => %L);', v_dataset.label,
                       jsonb_build_object(v_wrong, null));
  end if;

  v_tables := array(select k.name from jsonb_object_keys(v_dataset.queries) k(name) order by 1);
  if not coalesce(p_tables, v_tables) @> v_tables or coalesce(p_tables, v_dataset.tables) is null then
    raise exception using
      errcode = 'SY004',
      message = format('tables => %L lacks tables that have queries',
                       coalesce(p_tables, v_dataset.resolved_tables, '{}')),
      detail  = format('Those with queries are: %s. Beside them only tables that are named are synced.', v_tables),
      hint    = format('select ampsync.enqueue_sync(%L, tables => %L, queries => %L);', v_dataset.label,
                       array(select distinct t.name
                               from unnest(coalesce(p_tables, v_dataset.resolved_tables) || v_tables) t(name)
                              order by 1), v_dataset.queries);
  end if;
  update ampsync_private.dataset d
     set queries = v_dataset.queries,
         tables  = coalesce(p_tables, d.tables || array(select t.name from unnest(v_tables) t(name)
                                                         where t.name <> all (d.tables)))
   where d.dataset_id = p_dataset_id;

  for v_stream in
    select s.*
      from ampsync_private.stream s
     where s.dataset_id = p_dataset_id
       and s.shadow_of is null
       and s.query is distinct from v_dataset.queries ->> s.table_name
     order by s.stream_id
  loop
    if v_stream.checkpoint_block is null
       and not exists (select 1
                         from ampsync_private.stream w
                        where w.shadow_of = v_stream.stream_id and w.state <> 'former') then
      perform ampsync_private.revoke_lease(v_stream.stream_id);
      perform ampsync_private.take_query(s.stream_id)
         from ampsync_private.stream s
        where s.stream_id = v_stream.stream_id
          and s.checkpoint_block is null; -- It may have committed before its lease was revoked.
      if not ampsync_private.is_halted(v_stream.state) then
        perform ampsync_private.schedule_stream(v_stream.stream_id);
      end if;
    elsif p_queries ? v_stream.table_name and v_dataset.on_new_version = 'resync' then
      perform ampsync.resync(v_dataset.label, v_stream.table_name);
    elsif p_queries ? v_stream.table_name then
      raise warning using
        message = format('table %s of %s keeps the query that its rows come from',
                         v_stream.table_name, v_dataset.label),
        detail  = coalesce('The new one is stored: ' || (v_dataset.queries ->> v_stream.table_name),
                           'It is to be the table of the dataset.'),
        hint    = format('select ampsync.resync(%L, %L);', v_dataset.label, v_stream.table_name);
    end if;
  end loop;
end;
$$;

comment on function ampsync_private.apply_queries(bigint, text[], jsonb, bigint, jsonb)
  is 'Store the queries of a dataset; tables that have loaded something keep theirs.';
