-- Warns of a server that keeps WAL for a slot without a limit: nothing bounds it while no worker
-- runs. With require_wal_limit SY403.
create or replace function ampsync_private.check_wal_limit(
  p_capture ampsync_private.capture
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_hint text := ampsync_private.wal_limit_statement(p_capture.wal_limit);
begin
  if current_setting('max_slot_wal_keep_size') <> '-1' then
    return;
  end if;
  if p_capture.require_wal_limit then
    perform ampsync_private.raise_no_capture('the server has no limit of WAL',
      'max_slot_wal_keep_size is -1, and ampsync.configure_capture says require_wal_limit.', v_hint);
  end if;
  raise warning using
    message = 'the server has no limit of WAL: without a worker the slot could fill the disk',
    detail  = 'max_slot_wal_keep_size is -1.',
    hint    = v_hint;
end;
$$;

comment on function ampsync_private.check_wal_limit(ampsync_private.capture)
  is 'Warn of a server that keeps WAL for a slot without a limit, or refuse it.';
