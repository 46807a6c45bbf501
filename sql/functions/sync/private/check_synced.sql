-- Rejects a table name that is not among the streams of a dataset. Null stands for all tables.
create or replace function ampsync_private.check_synced(
  p_dataset_id bigint,
  p_table_name text
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_table_name is not null
     and not exists (select 1
                       from ampsync_private.stream s
                      where s.dataset_id = p_dataset_id
                        and s.table_name = p_table_name) then
    raise exception using
      errcode = 'SY003',
      message = format('table %s is not synced', quote_ident(p_table_name)),
      detail  = format('Synced tables of this dataset: %s.',
                       (select coalesce(string_agg(s.table_name, ', ' order by s.table_name), 'none')
                          from ampsync_private.stream s
                         where s.dataset_id = p_dataset_id
                           and s.shadow_of is null)),
      hint    = 'select dataset, table_name from ampsync.streams;';
  end if;
end;
$$;

comment on function ampsync_private.check_synced(bigint, text)
  is 'Raise SY003 for a table that no stream of the dataset syncs.';
