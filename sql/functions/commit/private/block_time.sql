-- The time of a block, from the Unix seconds that the server sends; null if it sends none, or a
-- value that cannot be meant: before 1970, or after the year 9999 as milliseconds or
-- microseconds would be. It is displayed and decides nothing, so no value may keep a stream
-- from moving.
create or replace function ampsync_private.block_time(p_seconds bigint)
  returns timestamptz
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when p_seconds between 0 and 253402300799 then to_timestamp(p_seconds) end;
end;
$$;

comment on function ampsync_private.block_time(bigint)
  is 'The time of a block, or null if the value of the server is no time.';
