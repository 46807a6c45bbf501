-- The clock of every rule. It advances inside a transaction, which commits need: the
-- transaction may be minutes old when it checks its lease.
create or replace function ampsync_private.now()
  returns timestamptz
  language plpgsql
  volatile
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return clock_timestamp();
end;
$$;

comment on function ampsync_private.now()
  is 'The current time, even inside long transactions. The only clock that ampsync reads.';
