-- Locks the row of `published` of a stream, if it has one. Waits 300 ms at most (55P03), because a user's open
-- transaction may hold it: the caller's transaction is tried again.
--
-- Locks: that row; the caller holds the stream row.
create or replace function ampsync_private.hold_target_row(
  p_stream_id bigint
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
  select from ampsync_private.published p where p.stream_id = p_stream_id for no key update;
$$;

comment on function ampsync_private.hold_target_row(bigint)
  is 'Lock the row of published of a stream, within 300 ms.';
