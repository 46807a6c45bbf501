-- Why a snapshot that is ready cannot be loaded any more; null: it can.
create or replace function ampsync_private.snapshot_flaw(
  p_snapshot ampsync_private.snapshot,
  p_shape    ampsync_private.shape
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table ampsync_private.published;
  v_floor bigint;
begin
  select * into v_table from ampsync_private.published p where p.published_id = p_shape.published_id;
  v_floor := greatest(v_table.floor, coalesce((select c.log_floor from ampsync_private.capture c), 0));
  return case
    when (select count(*) from ampsync_private.snapshot_chunk c
           where c.snapshot_id = p_snapshot.snapshot_id) <> p_snapshot.chunks
      then 'chunks of it are gone'
    when ampsync_private.is_forked(p_snapshot.epoch, p_snapshot.position, p_snapshot.stamp)
      then 'it is of another life of the database'
    when p_snapshot.form is distinct from
         md5(ampsync_private.client_table_sql(p_shape, v_table, ampsync_private.present_columns(v_table))::text)
      then 'its table has another form by now'
    when p_snapshot.position < v_floor then 'the log does not go on from it'
    when v_table.mode = 'rows'
         and cardinality(ampsync_worker.large_shapes(array[p_shape.shape_id],
                                                     coalesce(p_snapshot.since - 1, p_snapshot.settled),
                                                     ampsync_private.log_head())) > 0
         or v_table.mode = 'blocks'
            and ampsync_private.blocks_behind(p_shape.published_id, p_snapshot.position, p_shape.low)
      then 'too much has changed since'
  end;
end;
$$;

comment on function ampsync_private.snapshot_flaw(ampsync_private.snapshot, ampsync_private.shape)
  is 'Why a snapshot that is ready cannot be loaded any more; null: it can.';
