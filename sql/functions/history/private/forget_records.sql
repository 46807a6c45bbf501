-- Deletes what is recorded about the rows of a stream: history, ledger, rejected rows,
-- requested repairs and versions.
--
-- Locks: those rows.
create or replace function ampsync_private.forget_records(
  p_stream_id bigint
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  delete from ampsync_private.history h where h.stream_id = p_stream_id;
  delete from ampsync_private.ledger l where l.stream_id = p_stream_id;
  delete from ampsync_private.reject r where r.stream_id = p_stream_id;
  delete from ampsync_private.repair r where r.stream_id = p_stream_id;
  delete from ampsync_private.version_history v where v.stream_id = p_stream_id;
$$;

comment on function ampsync_private.forget_records(bigint)
  is 'Delete what is recorded about the rows of a stream.';
