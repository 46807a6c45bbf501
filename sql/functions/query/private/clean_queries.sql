-- Checks the option `queries` of ampsync.enqueue_sync and returns the queries as they are stored,
-- with the clauses that were removed from each. Warns of those, and of all that the Amp server
-- may refuse, at once: whether it does, is for a pass to find out. A null takes a query back, and is
-- returned as it is.
create or replace function ampsync_private.clean_queries(
  p_dataset text,
  p_queries jsonb
)
  returns table (table_name text, query text, removed text[])
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  c_example constant jsonb := jsonb_build_object('transfers', 'SELECT * FROM "_/my_dataset@1.0.0".logs');
  v_given    record;
  v_fault    text;
  v_suspects text[];
begin
  if jsonb_typeof(p_queries) <> 'object'
     or jsonb_path_exists(p_queries, '$.* ? (@.type() != "string" && @.type() != "null")') then
    raise exception using
      errcode = 'SY004',
      message = format('queries => %L does not give tables queries', left(p_queries::text, 200)),
      detail  = 'Expected a JSON object: {"table": "SELECT …"}, or null to take a query back.',
      hint    = format('select ampsync.enqueue_sync(%L, queries => %L);', p_dataset, c_example);
  end if;

  if (select count(*) from jsonb_object_keys(p_queries)) > 1000 then
    raise exception using
      errcode = 'SY004',
      message = format('queries => %s tables are too many', (select count(*) from jsonb_object_keys(p_queries))),
      detail  = 'A dataset can have at most 1,000 tables.',
      hint    = format('select ampsync.enqueue_sync(%L, queries => %L);', p_dataset, c_example);
  end if;

  for v_given in
    select q.key as name, q.value as sql from jsonb_each_text(p_queries) q order by q.key
  loop
    perform ampsync_private.check_table_name(v_given.name);
    if v_given.sql is null then
      table_name := v_given.name;
      query := null;
      removed := '{}';
      return next;
      continue;
    end if;
    select v_given.name, s.query, s.removed, s.fault
      into table_name, query, removed, v_fault
      from ampsync_private.sanitise_query(v_given.sql) s;
    if v_fault is not null then
      raise exception using
        errcode = 'SY004',
        message = format('queries: that of table %s is not one query: %s', v_given.name, v_fault),
        detail  = format('Given: %s', left(v_given.sql, 1000)),
        hint    = format('select ampsync.enqueue_sync(%L, queries => %L);', p_dataset,
                         jsonb_build_object(v_given.name, c_example ->> 'transfers'));
    end if;

    if removed <> '{}' then
      raise warning using
        message = format('the query of table %s is stored without %s', table_name, array_to_string(removed, ', ')),
        detail  = query,
        hint    = 'A table has no order, and its stream no end: sort and limit where you read it.';
    end if;
    v_suspects := ampsync_private.query_suspects(query);
    if v_suspects <> '{}' then
      raise warning using
        message = format('the Amp server may refuse the query of table %s as a stream: %s',
                         table_name, array_to_string(v_suspects, ', ')),
        detail  = 'Columns, filters and UNION ALL can always be streamed; the rest depends on the server''s version.',
        hint    = 'select table_name, state, reason, detail from ampsync.streams;';
    end if;
    return next;
  end loop;
end;
$$;

comment on function ampsync_private.clean_queries(text, jsonb)
  is 'The option queries as it is stored; SY004 for what is not one query.';
