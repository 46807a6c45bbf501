-- Who holds a lock on a table, besides the caller, and the statement that ends it. The activity of other roles is
-- shown as far as this role may see it.
create or replace function ampsync_private.table_holders(
  p_table regclass
)
  returns table (pid integer, holder text, is_autovacuum boolean, ends text)
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select distinct k.pid,
         case when k.pid is null then 'a prepared transaction'
              else format('backend %s (%s)', k.pid, concat_ws(', ', a.usename, nullif(a.application_name, ''),
                     case a.backend_type when 'client backend' then a.state else a.backend_type end,
                     'since ' || date_trunc('second', a.xact_start))) end,
         coalesce(a.backend_type = 'autovacuum worker', false),
         case when k.pid is null then format('rollback prepared %L;', x.gid)
              else format('select pg_terminate_backend(%s);', k.pid) end
    from pg_locks k
    left join pg_stat_activity a using (pid)
    left join pg_locks i on k.pid is null and i.pid is null and i.locktype = 'transactionid' and i.granted
                        and i.virtualtransaction = k.virtualtransaction -- Its own: that of who prepared it.
    left join pg_prepared_xacts x on x.transaction = i.transactionid
   where k.locktype = 'relation'
     and k.relation = p_table
     and k.database = (select d.oid from pg_database d where d.datname = current_database())
     and k.granted
     and k.pid is distinct from pg_backend_pid();
$$;

comment on function ampsync_private.table_holders(regclass)
  is 'Who holds a lock on a table.';
