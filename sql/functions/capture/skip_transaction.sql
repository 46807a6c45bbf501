-- Lets capture go on behind a transaction that it cannot decode or store (SY404, `ampsync.capture`): it is
-- stored as empty, and each captured table gets a new floor, since nobody knows what the transaction holds:
-- clients load those tables anew. Nothing is skipped without this call.
--
-- lsn: of its commit, as `ampsync.capture` shows it. Any other one is refused: a mistake would lose a healthy
-- transaction.
--
-- Errors: SY004. Locks: the row of capture, rows of graphile_worker. Runs with its owner's rights.
create or replace function ampsync.skip_transaction(
  lsn pg_lsn
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_capture ampsync_private.capture;
  v_stands  pg_lsn;
begin
  select * into v_capture
    from ampsync_private.capture c
     for no key update;
  v_stands := (v_capture.error ->> 'lsn')::pg_lsn;
  if v_stands is null or v_stands <> lsn
     or v_capture.error ->> 'code' <> 'SY404' and not ampsync_private.is_refusal(v_capture.error ->> 'code') then
    raise exception using
      errcode = 'SY004',
      message = format('capture does not stand at a transaction %s that it cannot store', lsn),
      detail  = case when v_capture.error is null then 'It has no error.'
                     else format('Its error is %s, %s.', v_capture.error ->> 'code',
                                 coalesce('at ' || v_stands, 'of no transaction')) end,
      hint    = case when v_stands is null then 'select state, reason, hint from ampsync.capture;'
                     else format('select ampsync.skip_transaction(%L);', v_stands) end;
  end if;
  update ampsync_private.capture c
     set skip_lsn   = lsn,
         next_retry = null;
  perform ampsync_private.journal(null, 'transaction_skipped',
            jsonb_build_object('lsn', lsn, 'error', v_capture.error));
  perform ampsync_private.schedule_capture();
end;
$$;

comment on function ampsync.skip_transaction(pg_lsn)
  is 'Let capture go on behind a transaction that it cannot store; captured tables are loaded anew.';
