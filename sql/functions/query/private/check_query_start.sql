-- Rejects a first block for tables that have queries: no condition is added to a query.
--
-- p_table_name: null for all tables of the dataset
create or replace function ampsync_private.check_query_start(
  p_dataset    ampsync_private.dataset,
  p_table_name text,
  p_from_block bigint
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_from_block > 0 and (p_dataset).queries <> '{}'
     and coalesce((p_dataset).queries ? p_table_name, p_table_name is null) then
    raise exception using
      errcode = 'SY004',
      message = format('from_block => %s: tables of %s have queries, to which nothing is added',
                       p_from_block, (p_dataset).label),
      detail  = 'A query can have a condition of its own: WHERE _block_num >= …',
      hint    = format('select ampsync.enqueue_sync(%L, from_block => 0);', (p_dataset).label);
  end if;
end;
$$;

comment on function ampsync_private.check_query_start(ampsync_private.dataset, text, bigint)
  is 'Raise SY004 for a first block of tables that have queries.';
