-- The time of a block, from the unix seconds that the server tells; null where it
-- tells none, or what cannot be meant: seconds after the year 9999, as where they
-- are milliseconds or microseconds, or before 1970. It is shown, and decides
-- nothing, so no value may keep a stream from moving.
create or replace function ampsync_private.block_time(p_seconds bigint)
  returns timestamptz
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select to_timestamp(p_seconds) where p_seconds between 0 and 253402300799;
$$;

comment on function ampsync_private.block_time(bigint)
  is 'The time of a block, or null where what the server tells is none.';
