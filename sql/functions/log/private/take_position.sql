-- The next position of the log, for an entry that the caller's transaction adds. Positions rise in
-- the order in which transactions become visible: the log lock is held from here to the end of the
-- transaction. Gaps mean nothing: they are transactions that failed.
--
-- The commit waits for the disk from here on, so that no position which somebody saw is handed out
-- again after a crash.
--
-- Call it as late as possible, after every other lock but the lease row.
--
-- Locks: the log lock.
create or replace function ampsync_private.take_position()
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform ampsync_private.lock_log();
  perform ampsync_private.check_epoch();
  perform ampsync_private.commit_durably();
  return nextval('ampsync_private.position');
end;
$$;

comment on function ampsync_private.take_position()
  is 'The next position of the log, under the log lock, which is held to the end of the transaction.';
