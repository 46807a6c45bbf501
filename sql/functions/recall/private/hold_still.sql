-- Locks a table so that nobody else writes it to the end of the transaction, and waits until all that was written
-- before is in the log: from then on table and log belong together. Whoever waits behind our requests waits 300 ms at
-- most; after 10 s it is given up (55P03). 25001 if this transaction has written the table itself, which the log does
-- not know; SY405 where capture does not run, or its slot is still being made: nothing is locked then.
--
-- p_mode  share, or share row exclusive for who is about to write it
--
-- Locks: the table and its partitions.
create or replace function ampsync_private.hold_still(
  p_relation regclass,
  p_mode     text,
  p_function text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_until   timestamptz := ampsync_private.now() + interval '10 s';
  v_holders text;
  v_ends    text;
begin
  perform ampsync_private.check_read_committed(p_function);
  perform ampsync_private.check_unwritten(p_relation, p_function);
  perform ampsync_private.check_capture_begun();
  loop
    begin
      execute format('lock table %s in %s mode', p_relation, p_mode);
      exit;
    exception
      when lock_not_available then
        null;
    end;
    if ampsync_private.now() >= v_until then
      select string_agg(distinct h.holder, ', '),
             string_agg(distinct h.ends, ' ')
        into v_holders, v_ends
        from ampsync_private.table_tree(p_relation) t
       cross join lateral ampsync_private.table_holders(t.relation) h;
      raise exception using
        errcode = '55P03',
        message = format('%s is written, and could not be held still within 10 s', p_relation),
        detail  = coalesce(format('Used by %s.', v_holders), 'Whoever used it has ended meanwhile.'),
        hint    = coalesce(v_ends || ' -- Ends who writes it; or call again once that has ended by itself.',
                           'select * from ampsync.publications; -- Nobody writes it any more: call again.');
    end if;
    perform pg_sleep(0.2);
  end loop;
  perform ampsync_private.await_capture('10 s');
end;
$$;

comment on function ampsync_private.hold_still(regclass, text, text)
  is 'Lock a table against writers, and wait until all that was written before is in the log.';
