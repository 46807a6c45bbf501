-- The advisory lock that every writing transaction of one lease epoch holds in shared mode. A
-- takeover requests it in exclusive mode, which is granted once the last writer of the old
-- epoch is really gone.
create or replace function ampsync_private.fence_key(
  p_stream_id bigint,
  p_epoch     bigint
)
  returns bigint
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return hashtextextended('ampsync.fence:' || p_stream_id || ':' || p_epoch, 0);
end;
$$;

comment on function ampsync_private.fence_key(bigint, bigint)
  is 'Key of the advisory lock held by every writing transaction of a stream and lease epoch.';
