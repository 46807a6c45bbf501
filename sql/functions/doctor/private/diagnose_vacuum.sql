-- What keeps vacuum from cleaning: transactions that have been idle for five minutes and hold a
-- snapshot or an id, and tables of which autovacuum is switched off. Sessions of other roles are
-- seen only as a member of pg_read_all_stats.
create or replace function ampsync_private.diagnose_vacuum()
  returns table (severity text, subject text, finding text, fix text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select 'warning', format('session %s', a.pid),
         format('its transaction (role %s, %s) has been idle since %s, and vacuum keeps all that it could see',
                a.usename, a.application_name, date_trunc('second', a.state_change)),
         format('select pg_terminate_backend(%s);', a.pid)
    from pg_stat_activity a
   where a.datname = current_database()
     and a.state like 'idle in transaction%'
     and a.state_change < ampsync_private.now() - interval '5 min'
     and (a.backend_xmin is not null or a.backend_xid is not null)
     and a.pid <> pg_backend_pid()
   union all
  select 'warning', format('table %I.%I', n.nspname, c.relname),
         'autovacuum is switched off for it',
         format('alter table %I.%I reset (autovacuum_enabled);', n.nspname, c.relname)
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   cross join lateral pg_options_to_table(c.reloptions) o
   where (c.oid in (select s.target from ampsync_private.stream s)
          or n.nspname = 'ampsync_private' and c.relkind = 'r'
             and c.relpersistence = 'p') -- Staging tables are emptied by each commit.
     and o.option_name = 'autovacuum_enabled' and not o.option_value::boolean;
$$;

comment on function ampsync_private.diagnose_vacuum()
  is 'Findings about vacuum: idle transactions, tables without autovacuum.';
