-- The key of the advisory lock of a bucket of permits.
create or replace function ampsync_private.bucket_key(
  p_bucket text
)
  returns bigint
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select hashtextextended('ampsync.bucket:' || p_bucket, 0);
$$;

comment on function ampsync_private.bucket_key(text)
  is 'The key of the advisory lock of a bucket of permits.';
