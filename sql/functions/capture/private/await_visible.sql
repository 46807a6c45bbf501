-- Waits until a transaction is visible: it may be decoded a moment before, and while a standby is awaited for longer.
-- 300 ms at most; then 40001: the call is to be repeated.
create or replace function ampsync_private.await_visible(
  p_xid xid8
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  for v_look in 1 .. 150 loop
    if pg_visible_in_snapshot(p_xid, pg_current_snapshot()) then
      return;
    end if;
    perform pg_sleep(0.002);
  end loop;
  raise exception using
    errcode = '40001',
    message = format('the captured transaction %s is not visible yet', p_xid),
    detail  = 'It is in WAL, and its session waits, perhaps for a synchronous standby.',
    hint    = 'select pid, wait_event, query from pg_stat_activity where wait_event = ''SyncRep'';';
end;
$$;

comment on function ampsync_private.await_visible(xid8)
  is 'Wait until a transaction that was decoded is visible.';
