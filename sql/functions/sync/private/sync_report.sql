-- What the calls of ampsync return: the streams of a dataset known so far, also those whose
-- tables its version lacks; wanted tables that are not streams yet; or the dataset itself while
-- nothing is known about it. The hint of an error that a call has just answered, so that the stream
-- begins again, is not given once more.
create or replace function ampsync_private.sync_report(
  p_dataset_id bigint
)
  returns table (dataset text, table_name text, state text, hint text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select d.label,
         coalesce(s.table_name, t.name),
         coalesce(s.state, case when d.state = 'active' then 'waiting' else d.state end),
         coalesce(case when s.query is distinct from d.queries ->> s.table_name
                         and s.state <> 'resyncing'
                    then format('select ampsync.resync(%L, %L); -- it keeps its earlier query until then',
                                d.label, s.table_name) end,
                  case when s.state <> 'retrying' or s.attempts > 0 then s.error ->> 'hint' end, d.error ->> 'hint',
                  case when u.dataset_id is not null
                       then format('select * from ampsync.upgrades; -- version %s is built beside %s',
                                   coalesce(u.version, u.manifest_hash),
                                   coalesce(d.resolved_version, d.resolved_hash)) end,
                  'select * from ampsync.streams;')
    from ampsync_private.dataset d
    left join lateral (
      select w.name from unnest(coalesce(d.tables, d.resolved_tables, array[null])) w(name)
       union
      select o.table_name from ampsync_private.stream o where o.dataset_id = d.dataset_id and o.state = 'orphaned'
    ) t on true
    left join ampsync_private.stream s
           on s.dataset_id = d.dataset_id and s.table_name = t.name and s.shadow_of is null
    left join ampsync_private.upgrade u on u.dataset_id = d.dataset_id
   where d.dataset_id = p_dataset_id
   order by 2;
$$;

comment on function ampsync_private.sync_report(bigint)
  is 'The streams of one dataset, as far as they are known.';
