-- Waits until everything that was visible when it was called is in the log of changes; at once where nothing is
-- captured. Use it as a statement of its own.
--
-- A mark in WAL makes capture tell how far it is, also on an idle server. It is of a transaction of its own, for
-- one that waits for its own commit waits for ever: so this is a procedure that commits, and is refused within a
-- transaction block (2D000). For the same reason it runs with its caller's rights and path, and names everything
-- in full.
--
-- timeout: then SY405, which also says that capture does not run. Locks: none.
create or replace procedure ampsync.wait_for_capture(
  timeout pg_catalog.interval default '10 s'
)
  language plpgsql
  security invoker
as $$
declare
  v_deadline pg_catalog.timestamptz;
  v_lsn      pg_catalog.pg_lsn;
  v_refusal  pg_catalog.text;
begin
  begin -- It may not commit within a handler: where it may otherwise, the server says another thing than within a DO.
    commit;
  exception
    when invalid_transaction_termination then
      v_refusal := sqlerrm;
  end;
  begin
    execute 'do language plpgsql ''begin commit; end''';
  exception
    when invalid_transaction_termination then
      if sqlerrm operator(pg_catalog.=) v_refusal then
        raise exception using
          errcode = '2D000',
          message = 'wait_for_capture cannot be called within a transaction block',
          detail  = 'It waits for a transaction of its own, and so has to commit.',
          hint    = 'call ampsync.wait_for_capture(); -- Outside of a transaction block, and not in a function.';
      end if;
  end;
  commit;
  v_deadline := pg_catalog.clock_timestamp() operator(pg_catalog.+) timeout;
  v_lsn := pg_catalog.pg_current_wal_insert_lsn();
  if ampsync.is_captured(v_lsn) then
    return;
  end if;

  if pg_catalog.current_setting('synchronous_commit') operator(pg_catalog.=) 'off' then
    perform pg_catalog.set_config('synchronous_commit', 'local', true); -- What is not flushed is not decoded.
  end if;
  perform pg_catalog.pg_logical_emit_message(true, 'ampsync/mark', '');
  commit;
  while not ampsync.is_captured(v_lsn) loop
    if pg_catalog.clock_timestamp() operator(pg_catalog.>) v_deadline then
      raise exception using
        errcode = 'SY405',
        message = 'capture lags too far',
        detail  = pg_catalog.format('It has not reached %s within %s.', v_lsn, timeout),
        hint    = 'select state, reason, hint from ampsync.capture;';
    end if;
    perform pg_catalog.pg_sleep(0.005);
    commit; -- Of each round: no snapshot is held while it waits.
  end loop;
end;
$$;

comment on procedure ampsync.wait_for_capture(interval)
  is 'Wait until what is visible now is in the log of changes; not within a transaction block.';
