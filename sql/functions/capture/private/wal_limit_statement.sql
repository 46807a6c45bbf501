-- The statement that gives the server a limit of WAL: twice that of ampsync, which gives its slot up before.
--
-- p_wal_limit  capture.wal_limit; null: none, or nothing is configured
create or replace function ampsync_private.wal_limit_statement(
  p_wal_limit bigint
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select format('alter system set max_slot_wal_keep_size = %L; select pg_reload_conf();',
                2 * coalesce(p_wal_limit, 8589934592) / 1048576 || 'MB');
$$;

comment on function ampsync_private.wal_limit_statement(bigint)
  is 'The statement that gives the server a limit of WAL.';
