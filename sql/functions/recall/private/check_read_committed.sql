-- Refuses, with 25001, a transaction that would not see what was committed while it waits.
create or replace function ampsync_private.check_read_committed(
  p_function text
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
    raise exception using
      errcode = '25001',
      message = format('%s works in transactions of isolation level READ COMMITTED alone', p_function),
      detail  = format('This one is %s: it does not see what is committed while it waits.',
                       upper(current_setting('transaction_isolation'))),
      hint    = 'begin isolation level read committed;';
  end if;
end;
$$;

comment on function ampsync_private.check_read_committed(text)
  is 'Refuse a transaction that would not see what is committed while it waits.';
