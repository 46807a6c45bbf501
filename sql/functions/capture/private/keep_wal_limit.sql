-- Drops our slot where it keeps as much WAL as wal_limit allows, before the disk or the server
-- decides: the log goes on behind a gap. For a transaction of others that is still open it may keep twice as
-- much, for the new slot would wait for the same one.
--
-- Locks: the row of capture.
create or replace function ampsync_private.keep_wal_limit(
  p_capture ampsync_private.capture
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from ampsync_private.wal_budget(p_capture) b
                  where b.share >= 1) then
    return;
  end if;
  perform ampsync_private.begin_gap('wal_limit');
  begin
    perform ampsync_private.drop_slot();
  exception
    when object_in_use or insufficient_privilege then
      null; -- Its reader has not gone yet: the job drops it.
  end;
end;
$$;

comment on function ampsync_private.keep_wal_limit(ampsync_private.capture)
  is 'Drop our slot where it keeps as much WAL as is allowed.';
