-- The advisory lock of the session that builds indexes: one at a time per database. The server
-- continues a CREATE INDEX CONCURRENTLY whose client died, and its session keeps the lock until
-- then. Reads nothing: a view calls it.
create or replace function ampsync_private.index_lock_key()
  returns bigint
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select hashtextextended('ampsync.index', 0);
$$;

comment on function ampsync_private.index_lock_key()
  is 'Key of the advisory lock held by the session that builds indexes.';
