-- Whether captured changes are more than one frame may bring to a client: over 50,000, or 16 MiB. Their tables are
-- loaded anew instead.
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
  select p_changes > 50000 or p_bytes > 16777216;
$$;

comment on function ampsync_private.is_too_large(bigint, bigint)
  is 'Whether captured changes are more than one frame may bring to a client.';
