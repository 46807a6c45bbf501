-- Refuses, with 25001, a transaction that has written the table itself: those rows are in the table, but not in the
-- log yet.
create or replace function ampsync_private.check_unwritten(
  p_relation regclass,
  p_function text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from pg_locks l
               join ampsync_private.table_tree(p_relation) t on t.relation = l.relation
              where l.pid = pg_backend_pid()
                and l.locktype = 'relation'
                and l.database = (select d.oid from pg_database d where d.datname = current_database())
                and l.mode in ('RowExclusiveLock', 'AccessExclusiveLock')) then
    raise exception using
      errcode = '25001',
      message = format('%s does not work in a transaction that has written %s', p_function, p_relation),
      detail  = 'What it wrote is not in the log before it has committed; this error has ended the transaction.',
      hint    = 'rollback; -- Then write and commit it before you call this.';
  end if;
end;
$$;

comment on function ampsync_private.check_unwritten(regclass, text)
  is 'Refuse a transaction that has written the table itself.';
