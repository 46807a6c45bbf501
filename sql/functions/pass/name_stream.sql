-- What people call a stream: for the log of a worker whose pass ended before it got its lease. No
-- row if the stream is gone. Locks nothing.
create or replace function ampsync_worker.name_stream(
  p_stream_id bigint
)
  returns table (dataset text, table_name text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select d.label, s.table_name
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.stream_id = p_stream_id;
$$;

comment on function ampsync_worker.name_stream(bigint)
  is 'What people call a stream, for logs: its dataset and its table.';
