-- Where the datasets of these shapes stand in the snapshot of the query (dataset_blocks), for clients that load their
-- tables: read_log says it of those alone that have changed since.
create or replace function ampsync_worker.dataset_standings(
  p_shapes integer[]
)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(ampsync_private.dataset_blocks(d.dataset_id) order by d.dataset_id), '[]')
    from (select distinct s.dataset_id
            from ampsync_private.shape h
            join ampsync_private.published p using (published_id)
            join ampsync_private.stream s using (stream_id)
           where h.shape_id = any (p_shapes)) d;
$$;

comment on function ampsync_worker.dataset_standings(integer[])
  is 'Where the datasets of these shapes stand: at which block each table, and at which they agree.';
