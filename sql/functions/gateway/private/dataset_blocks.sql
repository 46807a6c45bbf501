-- Where the tables of a dataset stand in the snapshot of the query: {"dataset", "cut", "tables": {name: block}}, of all
-- that are published. The cut is null where they agree at no block.
create or replace function ampsync_private.dataset_blocks(
  p_dataset_id bigint
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
           'dataset', d.label,
           'cut', case when count(distinct s.network) = 1
                         then ampsync_private.common_block(d.dataset_id, min(s.network))::text end,
           'tables', coalesce(jsonb_object_agg(format('%I.%I', p.schema_name, p.table_name), s.checkpoint_block::text)
                                filter (where p.published_id is not null), '{}'))
    from ampsync_private.dataset d
    join ampsync_private.stream s using (dataset_id)
    left join ampsync_private.published p on p.stream_id = s.stream_id and p.state = 'live'
   where d.dataset_id = p_dataset_id
     and s.shadow_of is null
   group by d.dataset_id, d.label;
$$;

comment on function ampsync_private.dataset_blocks(bigint)
  is 'Where the tables of a dataset stand, and at which block they agree.';
