-- Makes the caller the only one to change the rows of a bucket until its transaction ends. An advisory
-- lock, not locks of the rows: rows are added while others wait, and whoever only asks in vain writes
-- nothing.
create or replace function ampsync_private.lock_bucket(
  p_bucket text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(ampsync_private.bucket_key(p_bucket));
end;
$$;

comment on function ampsync_private.lock_bucket(text)
  is 'Lock a bucket of permits until the end of the transaction.';
