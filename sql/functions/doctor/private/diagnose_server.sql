-- What is wrong with the settings of the server.
-- p_server: the values of pg_settings by name (max_wal_size in MB), `compression_methods`, an
-- array, `standbys`, how many are connected, `is_standby`, whether it is one itself, `database`, and
-- `read_only_by`, the source of default_transaction_read_only: a role's own is its own affair.
create or replace function ampsync_private.diagnose_server(
  p_server jsonb
)
  returns table (severity text, subject text, finding text, fix text)
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select f.severity, f.subject, f.finding, f.fix
    from (values
      (p_server ->> 'default_transaction_read_only' = 'on'
         and p_server ->> 'read_only_by' in ('database', 'configuration file', 'command line'),
       'error', 'default_transaction_read_only', 'it is on for everybody: workers can write nothing, and so look dead',
       case when p_server ->> 'read_only_by' = 'database'
            then format('alter database %I reset default_transaction_read_only;', p_server ->> 'database')
            else 'alter system set default_transaction_read_only = off; select pg_reload_conf();' end
       || ' -- if it was set because the disk is full: once there is room. Then, for sessions that have it: '
          'select pg_terminate_backend(pid) from pg_stat_activity where application_name like ''ampsync%'';'),
      (p_server ->> 'autovacuum' = 'off',
       'warning', 'autovacuum', 'it is off: rows that ampsync updates and replaces are never cleaned up',
       'alter system set autovacuum = on; select pg_reload_conf();'),
      (p_server ->> 'track_counts' = 'off',
       'warning', 'track_counts', 'it is off, and autovacuum with it',
       'alter system set track_counts = on; select pg_reload_conf();'),
      ((p_server ->> 'max_wal_size')::bigint < 4096,
       'info', 'max_wal_size',
       format('it is %s MB: a backfill forces a checkpoint every few seconds', p_server ->> 'max_wal_size'),
       'alter system set max_wal_size = ''4GB''; select pg_reload_conf();'),
      (not p_server -> 'compression_methods' ? 'lz4',
       'info', 'lz4', 'the server was built without it, so long values are stored uncompressed',
       'Use a server that has it, as the official images and the packages of Debian do: docs/adr/0011-long-values.md'),
      (p_server ->> 'wal_level' = 'minimal',
       'info', 'wal_level', 'it is minimal: no standby and no physical backup is possible',
       'alter system set wal_level = ''replica''; -- then restart the server'),
      (p_server ->> 'max_wal_senders' = '0',
       'info', 'max_wal_senders', 'it is 0: no standby can connect',
       'alter system set max_wal_senders = 10; -- then restart the server'),
      ((p_server ->> 'is_standby')::boolean and p_server ->> 'hot_standby_feedback' = 'off',
       'warning', 'hot_standby_feedback',
       'it is off on this standby: replay stops while wait_for_block, verify or a long query runs, which may be ended '
       'for that',
       'alter system set hot_standby_feedback = on; select pg_reload_conf();'),
      (p_server ->> 'synchronous_standby_names' <> '' and p_server ->> 'standbys' = '0'
         and p_server ->> 'synchronous_commit' not in ('off', 'local'),
       'error', 'synchronous_standby_names',
       format('commits wait for the standby %s, and none is connected', p_server ->> 'synchronous_standby_names'),
       'alter system set synchronous_standby_names = ''''; select pg_reload_conf(); -- or start the standby')
    ) f (applies, severity, subject, finding, fix)
   where f.applies;
$$;

comment on function ampsync_private.diagnose_server(jsonb)
  is 'Findings about the settings of the server, given as a document.';
