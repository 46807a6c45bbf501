-- Refuses, with 25001, to restore a row that this transaction has written itself.
create or replace function ampsync_private.raise_row_written(
  p_table ampsync_private.published,
  p_key   text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = '25001',
    message = format('row %s of %I.%I was written in this transaction', p_key, p_table.schema_name, p_table.table_name),
    detail  = 'What it wrote is not in the log before it has committed; this error has ended the transaction.',
    hint    = 'rollback; -- Then write and commit it before you call this.';
end;
$$;

comment on function ampsync_private.raise_row_written(ampsync_private.published, text)
  is 'Refuse to restore a row that this transaction has written itself.';
