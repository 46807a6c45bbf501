-- Has a stream that has loaded nothing read the query that its dataset has for its table. No
-- effect on a table without a query. What tells versions apart is then the hash of the query.
--
-- Locks: stream row.
create or replace function ampsync_private.take_query(
  p_stream_id bigint
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  update ampsync_private.stream s
     set query         = d.queries ->> s.table_name,
         version       = null,
         manifest_hash = ampsync_private.query_hash(d.queries ->> s.table_name),
         version_since = ampsync_private.now(),
         from_block    = 0
    from ampsync_private.dataset d
   where s.stream_id = p_stream_id
     and d.dataset_id = s.dataset_id
     and d.queries ? s.table_name
     and s.query is distinct from d.queries ->> s.table_name;
$$;

comment on function ampsync_private.take_query(bigint)
  is 'Have a stream that has loaded nothing read the query that its dataset has for its table.';
