-- The dataset of a stream, written as SQL functions take it.
create or replace function ampsync_private.stream_label(
  p_stream_id bigint
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select d.label
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.stream_id = p_stream_id;
$$;

comment on function ampsync_private.stream_label(bigint)
  is 'The dataset of a stream, as SQL functions take it.';
