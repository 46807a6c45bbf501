-- The oldest transaction of the cluster that has written: decoding begins before it, so that it keeps
-- WAL, and the making of a slot waits for its end. How it is described, since when it is open, and the
-- statement that ends it; one that is prepared belongs to no session. No row: there is none.
create or replace function ampsync_private.oldest_transaction()
  returns table (transaction text, since timestamptz, ends text)
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select o.transaction, o.since, o.ends
    from (select format('a transaction is open since %s in database %s, pid %s',
                        date_trunc('second', a.xact_start), a.datname, a.pid) as transaction,
                 a.xact_start as since,
                 format('select pg_terminate_backend(%s);', a.pid) as ends,
                 age(a.backend_xid) as age
            from pg_stat_activity a
           where a.backend_xid is not null and a.pid <> pg_backend_pid()
          union all
          select format('transaction %L is prepared since %s in database %s',
                        p.gid, date_trunc('second', p.prepared), p.database),
                 p.prepared,
                 format('rollback prepared %L;', p.gid),
                 age(p.transaction)
            from pg_prepared_xacts p) o
   order by o.age desc
   limit 1;
$$;

comment on function ampsync_private.oldest_transaction()
  is 'The oldest transaction of the cluster that has written, and how it is ended.';
