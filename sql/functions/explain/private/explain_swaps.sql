-- The rows of ampsync.explain_sync about what is built beside a dataset, or waits for that: a
-- version that was offered and is not followed yet, an upgrade, the resyncs of single tables; and
-- for each table what its swap will do. Called before anything is registered for the explanation.
create or replace function ampsync_private.explain_swaps(
  p_dataset_id bigint
)
  returns table (table_name text, step text, statement text, detail text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select null, 'upgrade', coalesce(d.offered_error ->> 'hint', format('select ampsync.resync(%L);', d.label)),
         concat_ws(': ', format('version %s is offered, and not followed yet',
                                coalesce(d.offered_version, d.offered_hash)),
                   d.offered_error ->> 'message')
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and coalesce(d.offered_version, d.offered_hash) is not null
     and not exists (select 1 from ampsync_private.upgrade u where u.dataset_id = d.dataset_id)
  union all
  select null, 'upgrade', 'select * from ampsync.upgrades;',
         format('version %s %s %s since %s', coalesce(u.version, u.manifest_hash),
                case when u.tables is null then 'is to be built beside' else 'is built beside' end,
                coalesce(d.resolved_version, d.resolved_hash), u.started_at)
    from ampsync_private.upgrade u
    join ampsync_private.dataset d using (dataset_id)
   where u.dataset_id = p_dataset_id
  union all
  (select s.table_name, 'swap', null,
          case when w.stream_id is null and ampsync_private.is_upgraded(u, s)
                 then 'The table holds nothing yet: it reads the new version from then on.'
               when w.stream_id is null then 'The new version lacks the table: it keeps its rows and gets no more.'
               else format('%s; %s is loaded, %s is to be reached',
                           case when w.columns is null then 'its new columns are not known yet'
                                when ampsync_private.has_columns(s, w.has_block_num, w.columns)
                                  then 'merge: the table has the same columns and gets the difference'
                                else 'replace: the new table takes its place' end,
                           coalesce('block ' || w.checkpoint_block, 'nothing'),
                           coalesce('block ' || s.checkpoint_block, 'nothing')) end
     from ampsync_private.stream s
     left join ampsync_private.stream w on w.shadow_of = s.stream_id and w.state <> 'former'
     left join ampsync_private.upgrade u on u.dataset_id = s.dataset_id and u.tables is not null
    where s.dataset_id = p_dataset_id
      and s.shadow_of is null
      and (w.stream_id is not null or u.dataset_id is not null and s.query is null)
    order by s.table_name);
$$;

comment on function ampsync_private.explain_swaps(bigint)
  is 'The rows of ampsync.explain_sync about versions and tables that are built beside a dataset.';
