-- Cancels the repairs of a dataset, or of one table, that are not done yet. A repair under way
-- is waited for, and stays done. Returns the cancelled ones. Locks: repair rows.
create or replace function ampsync.cancel_repair(
  dataset          text,
  inout table_name text default null,
  out   from_block bigint,
  out   to_block   bigint
)
  returns setof record
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(cancel_repair.dataset);
  v_stream_id  bigint;
begin
  perform ampsync_private.refuse_http(v_dataset_id, 'cancel_repair');
  perform ampsync_private.check_synced(v_dataset_id, cancel_repair.table_name);

  for v_stream_id, table_name, from_block, to_block in
    with cancelled as (
      delete from ampsync_private.repair r
       using ampsync_private.stream s
       where s.stream_id = r.stream_id
         and s.dataset_id = v_dataset_id
         and s.table_name = coalesce(cancel_repair.table_name, s.table_name)
      returning s.stream_id, s.table_name, r.first_block, r.last_block
    )
    select * from cancelled c order by c.table_name, c.first_block
  loop
    perform ampsync_private.journal(v_stream_id, 'repair_cancelled',
              jsonb_build_object('from_block', from_block, 'to_block', to_block));
    return next;
  end loop;
end;
$$;

comment on function ampsync.cancel_repair(text, text)
  is 'Cancel repairs that are not done yet; returns them.';
