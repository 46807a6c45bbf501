-- Rejects an invalid `rename` or `exclude_columns` of ampsync.enqueue_sync before anything is
-- stored. Whether the dataset has these tables and columns is for the worker to find out.
create or replace function ampsync_private.check_table_options(
  p_dataset         text,
  p_rename          jsonb,
  p_exclude_columns jsonb
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table record;
begin
  if jsonb_typeof(p_rename) <> 'object'
     or exists (select 1 from jsonb_each(case when jsonb_typeof(p_rename) = 'object' then p_rename end) r
                 where jsonb_typeof(r.value) not in ('string', 'null')) then
    raise exception using
      errcode = 'SY004',
      message = format('rename => %L does not give tables names', left(p_rename::text, 200)),
      detail  = 'Expected a JSON object: {"table": "name of its target"}.',
      hint    = format('select ampsync.enqueue_sync(%L, rename => ''{"logs": "events"}'');', p_dataset);
  end if;
  for v_table in
    select r.key as name, r.value as target, count(*) over (partition by r.value) as times
      from jsonb_each_text(p_rename) r
     where r.value is not null
  loop
    perform ampsync_private.check_table_name(v_table.name);
    perform ampsync_private.check_table_name(v_table.target);
    if v_table.times > 1 then
      raise exception using
        errcode = 'SY004',
        message = format('rename gives %s tables the name %s', v_table.times, v_table.target),
        detail  = 'A target table belongs to exactly one stream.',
        hint    = format('select ampsync.enqueue_sync(%L, rename => ''{"logs": "events"}'');', p_dataset);
    end if;
  end loop;

  if jsonb_typeof(p_exclude_columns) <> 'object' then
    raise exception using
      errcode = 'SY004',
      message = format('exclude_columns => %L does not list columns of tables', left(p_exclude_columns::text, 200)),
      detail  = 'Expected a JSON object: {"table": ["column", "another column"]}.',
      hint    = format('select ampsync.enqueue_sync(%L, exclude_columns => ''{"logs": ["data"]}'');', p_dataset);
  end if;
  for v_table in
    select e.key as name, e.value as columns
      from jsonb_each(p_exclude_columns) e
     where e.value <> 'null'
  loop
    perform ampsync_private.check_table_name(v_table.name);
    if jsonb_typeof(v_table.columns) <> 'array'
       or jsonb_path_exists(v_table.columns, '$[*] ? (@.type() != "string" || @ == "" || @ == "_block_num")')
       or jsonb_array_length(v_table.columns) <> (select count(distinct c.name)
                                                    from jsonb_array_elements(v_table.columns) c(name)) then
      raise exception using
        errcode = 'SY004',
        message = format('exclude_columns: %s is not a list of different columns of %s',
                         left(v_table.columns::text, 200), v_table.name),
        detail  = 'Column _block_num cannot be left out: it says to which block a row belongs.',
        hint    = format('select ampsync.enqueue_sync(%L, exclude_columns => ''{"logs": ["data"]}'');', p_dataset);
    end if;
  end loop;
end;
$$;

comment on function ampsync_private.check_table_options(text, jsonb, jsonb)
  is 'Raise SY004 for an invalid rename or exclude_columns.';
