-- Has a stream that has loaded nothing read the query that its dataset has for its table. What
-- tells versions apart is then the hash of the query. If the query was taken back, it reads the
-- table of the version that the dataset follows, or the earlier query where that version has no
-- such table. No effect on a table that never had a query.
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
     set query         = q.query,
         version       = case when q.query is null then d.resolved_version end,
         manifest_hash = case when q.query is null then d.resolved_hash else ampsync_private.query_hash(q.query) end,
         version_since = ampsync_private.now(),
         from_block    = case when q.query is null then s.from_block else 0 end
    from ampsync_private.stream o
    join ampsync_private.dataset d using (dataset_id)
    left join ampsync_private.stream l on l.stream_id = o.shadow_of -- A shadow begins without a query.
   cross join lateral (
      select coalesce(d.queries ->> o.table_name,
                      case when o.table_name = any (d.resolved_tables) is not true
                           then coalesce(l.query, o.query) end) as query) q
   where o.stream_id = p_stream_id
     and s.stream_id = o.stream_id
     and (q.query is distinct from o.query or l.query is not null and q.query is distinct from l.query);
$$;

comment on function ampsync_private.take_query(bigint)
  is 'Have a stream that has loaded nothing read the query that its dataset has for its table, or none.';
