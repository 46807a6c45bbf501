-- Creates the one stream of a new HTTP source, and queues its first pass. Its table is made by
-- that pass, or is the one that is there and adopted.
--
-- Locks: inserts a stream and its lease. The caller holds the dataset row.
create or replace function ampsync_private.register_http(
  p_dataset      ampsync_private.dataset,
  p_target_table text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream bigint;
begin
  loop
    insert into ampsync_private.stream (dataset_id, table_name, target_schema, target_table, since)
    values (p_dataset.dataset_id, p_dataset.name, p_dataset.target_schema, p_target_table, ampsync_private.now())
    on conflict do nothing -- The target is another dataset's, which the check says, or was until this moment.
    returning stream_id into v_stream;
    perform ampsync_private.check_http_target(p_dataset, p_dataset.target_schema, p_target_table);
    exit when v_stream is not null;
  end loop;
  insert into ampsync_private.lease (stream_id) values (v_stream);
  perform ampsync_private.adopt_target(p_dataset, v_stream);
  perform ampsync_private.schedule_stream(v_stream);
end;
$$;

comment on function ampsync_private.register_http(ampsync_private.dataset, text)
  is 'Create the stream of a new HTTP source, and queue its first pass.';
