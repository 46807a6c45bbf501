-- Gives the records of one stream (history, ledger, rejected rows, versions) to another, which
-- has none.
--
-- Locks: those rows.
create or replace function ampsync_private.move_records(
  p_from_id bigint,
  p_to_id   bigint
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  update ampsync_private.history h set stream_id = p_to_id where h.stream_id = p_from_id;
  update ampsync_private.ledger l set stream_id = p_to_id where l.stream_id = p_from_id;
  update ampsync_private.reject r set stream_id = p_to_id where r.stream_id = p_from_id;
  update ampsync_private.version_history v set stream_id = p_to_id where v.stream_id = p_from_id;
$$;

comment on function ampsync_private.move_records(bigint, bigint)
  is 'Give the records of one stream to another.';
