-- Replaces the records of a stream (history, ledger, rejected rows, versions) by those of its shadow.
-- Requested repairs are thereby done.
--
-- Locks: those rows.
create or replace function ampsync_private.take_over_records(
  p_stream_id bigint,
  p_shadow_id bigint
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select ampsync_private.forget_records(p_stream_id);

  update ampsync_private.history h set stream_id = p_stream_id where h.stream_id = p_shadow_id;
  update ampsync_private.ledger l set stream_id = p_stream_id where l.stream_id = p_shadow_id;
  update ampsync_private.reject r set stream_id = p_stream_id where r.stream_id = p_shadow_id;
  update ampsync_private.version_history v set stream_id = p_stream_id where v.stream_id = p_shadow_id;
$$;

comment on function ampsync_private.take_over_records(bigint, bigint)
  is 'Replace the records of a stream by those of its shadow.';
