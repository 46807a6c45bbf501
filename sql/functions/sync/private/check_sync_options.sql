-- Rejects an invalid option of ampsync.enqueue_sync before anything is stored.
create or replace function ampsync_private.check_sync_options(
  p_dataset          text,
  p_name             text,
  p_tables           text[],
  p_target_schema    text,
  p_retention_blocks integer,
  p_on_deep_reorg    text,
  p_value_policy     text,
  p_nul_policy       text,
  p_on_new_version   text default null,
  p_block_index      text default null,
  p_poll_interval    interval default null,
  p_identity         text default null
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema text := coalesce(p_target_schema, p_name);
  v_policy record;
begin
  if cardinality(p_tables) = 0
     or cardinality(p_tables) <> (select count(distinct t.name) from unnest(p_tables) t(name)) then
    raise exception using
      errcode = 'SY004',
      message = format('tables => %L is not a list of different tables', p_tables),
      detail  = 'Omit it to sync all tables of the dataset.',
      hint    = format('select ampsync.enqueue_sync(%L, tables => ''{blocks,logs}'');', p_dataset);
  end if;
  if cardinality(p_tables) > 1000 then
    raise exception using
      errcode = 'SY004',
      message = format('tables => a list of %s tables is too long', cardinality(p_tables)),
      detail  = 'A dataset can have at most 1,000 tables.',
      hint    = format('select ampsync.enqueue_sync(%L, tables => ''{blocks,logs}'');', p_dataset);
  end if;
  perform ampsync_private.check_table_name(t.name) from unnest(p_tables) t(name);

  if ampsync_private.is_reserved_schema(v_schema)
     or (p_target_schema is null and (v_schema = 'public' or v_schema ~ '^ampsync')) then
    raise exception using
      errcode = 'SY004',
      message = format('%s cannot be the target schema of %s', quote_ident(left(v_schema, 100)), p_dataset),
      detail  = 'Schemas of PostgreSQL, of ampsync and of its queue are refused, and names that look like one. '
                'A name has 1 to 63 bytes and no surrounding blanks.',
      hint    = format('select ampsync.enqueue_sync(%L, target_schema => %L);', p_dataset, 'data_' || left(p_name, 58));
  end if;

  if p_retention_blocks < 64 then
    raise exception using
      errcode = 'SY004',
      message = format('retention_blocks => %s is below 64', p_retention_blocks),
      detail  = 'It is how deep a reorg can be undone exactly, in blocks; the default is 128.',
      hint    = format('select ampsync.enqueue_sync(%L, retention_blocks => 128);', p_dataset);
  end if;

  if p_poll_interval not between interval '1 s' and interval '1 h' then
    raise exception using
      errcode = 'SY004',
      message = format('poll_interval => %L is not between 1 s and 1 h', p_poll_interval),
      detail  = 'It is how often the list of versions is requested.',
      hint    = format('select ampsync.enqueue_sync(%L, poll_interval => ''5 s'');', p_dataset);
  end if;

  for v_policy in
    select o.name, o.value, o.allowed
      from (values ('on_deep_reorg', p_on_deep_reorg, '{stop,resync}'::text[]),
                   ('value_policy', p_value_policy, '{fail,"null",quarantine}'),
                   ('nul_policy', p_nul_policy, '{replace,strip,fail}'),
                   ('on_new_version', p_on_new_version, '{continue,resync}'),
                   ('block_index', p_block_index, '{btree,brin,none}'),
                   ('identity', p_identity, '{content,transaction}')) o(name, value, allowed)
     where o.value <> all (o.allowed)
  loop
    raise exception using
      errcode = 'SY004',
      message = format('%s => %L is not a %s', v_policy.name, v_policy.value,
                       case v_policy.name when 'block_index' then 'kind of index' when 'identity' then 'key of rows'
                                          else 'policy' end),
      detail  = format('One of: %s.', array_to_string(v_policy.allowed, ', ')),
      hint    = format('select ampsync.enqueue_sync(%L, %s => %L);', p_dataset, v_policy.name, v_policy.allowed[1]);
  end loop;
end;
$$;

comment on function ampsync_private.check_sync_options(
  text, text, text[], text, integer, text, text, text, text, text, interval, text)
  is 'Raise SY004 for an invalid option of ampsync.enqueue_sync.';
