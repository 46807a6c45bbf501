-- A session of somebody else that holds the log lock, or the lock of the job that keeps publication and slot: their
-- keys can be computed, and anybody can take an advisory lock. No row: none does.
create or replace function ampsync_private.foreign_holder(
  out reason text,
  out hint   text
)
  returns setof record
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select format('pid %s, which is no session of ampsync, holds the advisory lock %s', h.pid, k.what),
         format('select pg_terminate_backend(%s);', h.pid)
    from (values (1, hashtextextended('ampsync.log', 0), 'of the log: no published commit goes on'),
                 (2, ampsync_private.publication_key(), 'of the job ampsync_publication, which waits'))
           as k(n, key, what)
   cross join ampsync_private.lock_holders(k.key) h
   where not h.is_ours
   order by k.n, h.pid
   limit 1;
$$;

comment on function ampsync_private.foreign_holder()
  is 'A session of somebody else that holds the log lock, or that of the job ampsync_publication.';
