-- Whether the target of a stream has these columns, in the order in which the stream hashes
-- them into `_id`: then rows of both can be compared, and merged. Under identity `transaction`
-- equal rows have other keys in each table, so its tables are always replaced.
create or replace function ampsync_private.has_columns(
  p_stream        ampsync_private.stream,
  p_has_block_num boolean,
  p_columns       jsonb
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select p_stream.identity = 'content'
         and not exists (select from ampsync_private.plan_evolution(p_stream.stream_id, p_has_block_num, p_columns))
         and jsonb_path_query_array(p_stream.columns, '$[*].name') = jsonb_path_query_array(p_columns, '$[*].name');
$$;

comment on function ampsync_private.has_columns(ampsync_private.stream, boolean, jsonb)
  is 'Whether a stream''s target has these columns, in this order, and its rows can be compared with theirs.';
