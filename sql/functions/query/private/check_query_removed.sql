-- Rejects it to take back the query of a table that the version of its dataset does not have:
-- nothing would be left to read. Asked again before a resync, because the dataset may have got
-- another version since; then the hint gives the table its query again.
create or replace function ampsync_private.check_query_removed(
  p_dataset    ampsync_private.dataset,
  p_table_name text
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_query text := (select s.query
                     from ampsync_private.stream s
                    where s.dataset_id = (p_dataset).dataset_id
                      and s.table_name = p_table_name
                      and s.shadow_of is null);
begin
  if ((p_dataset).queries ? p_table_name or v_query is not null)
     and p_table_name <> all (coalesce((p_dataset).resolved_tables, '{}')) then
    raise exception using
      errcode = 'SY004',
      message = format('queries: that of table %s cannot be taken back: the dataset has no such table', p_table_name),
      detail  = case when (p_dataset).resolved_tables is null
                     then format('All tables of %s have queries, so nothing is known of a dataset of this name.',
                                 (p_dataset).label)
                     else format('Version %s has: %s.',
                                 coalesce((p_dataset).resolved_version, (p_dataset).resolved_hash),
                                 left(array_to_string((p_dataset).resolved_tables, ', '), 2000)) end,
      hint    = case when (p_dataset).queries ? p_table_name
                     then format('select ampsync.pause_sync(%1$L); -- stops all its tables. To be rid of this one, '
                                 'enqueue the others anew, after: select ampsync.drop_sync(%1$L);', (p_dataset).label)
                     else format('select ampsync.alter_sync(%L, queries => %L);', (p_dataset).label,
                                 jsonb_build_object(p_table_name, v_query)) end;
  end if;
end;
$$;

comment on function ampsync_private.check_query_removed(ampsync_private.dataset, text)
  is 'Raise SY004 for a query that is taken back from a table that the dataset does not have.';
