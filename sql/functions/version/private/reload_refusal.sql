-- Why the tables of a dataset cannot be made to fit the version that it was offered, as an error
-- {"code", "message", "detail", "hint"}; null if they can.
--
-- p_tables: see adopt_version
create or replace function ampsync_private.reload_refusal(
  p_dataset ampsync_private.dataset,
  p_tables  jsonb
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with refused as (
    select s.table_name, e.fault, e.remedy
      from ampsync_private.stream s
      join jsonb_array_elements(p_tables) t on t.value ->> 'table' = s.table_name
     cross join lateral ampsync_private.evolution_refusal(s.stream_id, (t.value ->> 'has_block_num')::boolean,
                          t.value -> 'columns', t.value ->> 'network') e
     where s.dataset_id = (p_dataset).dataset_id
       and s.shadow_of is null
       and e.fault is not null
  )
  select jsonb_build_object(
           'code', 'SY201',
           'message', format('version %s of %s cannot be followed: %s', (p_dataset).offered_version, (p_dataset).label,
                             left(string_agg(format('table %s: %s', r.table_name, r.fault), '; '
                                             order by r.table_name), 4000)),
           'detail', format('Version %s stays in use, and nothing was changed.', (p_dataset).resolved_version),
           'hint', format('select ampsync.resync(%L);', (p_dataset).label)
                   || case when bool_and(r.remedy is not null)
                           then format(' -- or: %sselect ampsync.resume_sync(%L);',
                                       string_agg(r.remedy, '' order by r.table_name), (p_dataset).label)
                           else '' end)
    from refused r
  having count(*) > 0
   union all
  select jsonb_build_object(
           'code', 'SY101',
           'message', format('version %s of %s has %s tables', (p_dataset).offered_version, (p_dataset).label,
                             jsonb_array_length(p_tables)),
           'detail', format('A dataset can have at most 1,000 tables; version %s stays in use.',
                            (p_dataset).resolved_version))
   where jsonb_array_length(p_tables) > 1000
   limit 1;
$$;

comment on function ampsync_private.reload_refusal(ampsync_private.dataset, jsonb)
  is 'Why the tables of a dataset cannot be made to fit the version that it was offered; null if they can.';
