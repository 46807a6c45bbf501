-- Lets the commit of the caller's transaction wait neither for the disk nor for a standby. For
-- transactions that only report something, so that reporting why something hangs never hangs
-- itself. A crash may lose what was reported; it is found out again. Never used in a
-- transaction that writes rows or grants a lease.
create or replace function ampsync_private.commit_async()
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select set_config('synchronous_commit', 'off', true);
$$;

comment on function ampsync_private.commit_async()
  is 'Let the commit of this transaction wait for nothing.';
