-- Whether captured changes are more than one frame may bring to a client (frame_limits). Their tables are loaded anew
-- instead.
create or replace function ampsync_private.is_too_large(
  p_changes bigint,
  p_bytes   bigint
)
  returns boolean
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select p_changes > l.changes or p_bytes > l.bytes from ampsync_private.frame_limits() l;
$$;

comment on function ampsync_private.is_too_large(bigint, bigint)
  is 'Whether captured changes are more than one frame may bring to a client.';
