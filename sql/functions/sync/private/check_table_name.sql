-- Rejects a name that no table can have, before it is stored anywhere.
create or replace function ampsync_private.check_table_name(
  p_table_name text
)
  returns void
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_table_name is null or p_table_name !~ '^[A-Za-z_][A-Za-z0-9_$]*$' then
    raise exception using
      errcode = 'SY004',
      message = format('%s is not a table name', coalesce(quote_literal(p_table_name), 'null')),
      detail  = 'A table name starts with a letter or an underscore, followed by letters, digits, underscores and $.',
      hint    = 'select ampsync.enqueue_sync(''my_dataset'', tables => ''{blocks,logs}'');';
  end if;

  if p_table_name = '_ampsync_checkpoints' then
    raise exception using
      errcode = 'SY004',
      message = 'Table name _ampsync_checkpoints is reserved',
      detail  = 'Each target schema has a view of checkpoints by this name.',
      hint    = 'select ampsync.enqueue_sync(''my_dataset'', tables => ''{blocks,logs}'');';
  end if;

  if octet_length(p_table_name) > 63 then
    raise exception using
      errcode = 'SY004',
      message = format('Identifier %s is too long: %s bytes, limit 63', p_table_name, octet_length(p_table_name)),
      detail  = 'PostgreSQL would truncate it, and two names could become one.',
      hint    = 'select ampsync.enqueue_sync(''my_dataset'', tables => ''{blocks,logs}'');';
  end if;
end;
$$;

comment on function ampsync_private.check_table_name(text)
  is 'Raise SY004 unless the text can be a table name.';
