-- Takes the log lock to the end of the transaction: whoever holds it is the only one that can add
-- to the log, and PostgreSQL gives it back after the transaction has become visible. So positions
-- rise in the order in which entries become visible, and no gap closes later.
--
-- Every commit of a published table waits for it. It is taken as late as possible, after all other
-- locks but the lease row: nobody who holds it waits for anything else. See "Lock order" in
-- ARCHITECTURE.md.
create or replace function ampsync_private.lock_log()
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('ampsync.log', 0));
end;
$$;

comment on function ampsync_private.lock_log()
  is 'Take the log lock to the end of the transaction: positions rise in the order of commits.';
