-- Locks a table that is to join or to leave the publication, with all its partitions: access
-- exclusive where its replica identity has to change, else share row exclusive. The strongest lock comes
-- first and is never upgraded: beside a transaction that reads and then writes an upgrade is
-- a deadlock. Waits for every writer that is under way, so that no row of theirs is missed.
--
-- Whoever waits behind our requests waits 300 ms at most: then all locks are returned, and after a
-- pause it is tried again, for p_patience in all. Then 55P03, with who is in the way. A build of an
-- index or autovacuum gives way only after deadlock_timeout: where nothing else is in the way of a
-- table alone, every fourth attempt waits as long.
--
-- p_identity  the identity that it shall have; restore: another one, whatever it has; null: none is
--             changed, the table only leaves the publication (share update exclusive)
--
-- Locks: the table and its partitions, to the end of the transaction.
create or replace function ampsync_private.lock_to_publish(
  p_relation regclass,
  p_identity text,
  p_patience interval default '10 s'
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_began   timestamptz := ampsync_private.now();
  v_attempt integer := 0;
  v_holders text;
  v_ends    text;
begin
  loop
    v_attempt := v_attempt + 1;
    begin
      perform ampsync_private.try_lock_to_publish(p_relation, p_identity, v_attempt);
      return;
    exception
      when lock_not_available then
        null;
    end;
    exit when ampsync_private.now() >= v_began + p_patience;
    perform pg_sleep(least(v_attempt, 5) * 0.2);
  end loop;

  select string_agg(distinct h.holder, ', '),
         string_agg(distinct h.ends, ' ')
    into v_holders, v_ends
    from ampsync_private.identity_tables(p_relation) t
   cross join lateral ampsync_private.table_holders(t.relation) h;
  raise exception using
    errcode = '55P03',
    message = format('%s is in use, and could not be locked within %s', p_relation, p_patience),
    detail  = coalesce(format('Used by %s.', v_holders), 'Whoever used it has ended meanwhile.'),
    hint    = coalesce(v_ends || ' -- Ends what uses it; or call again once it has ended by itself.',
                       ampsync_private.publish_statement(p_relation, p_identity));
end;
$$;

comment on function ampsync_private.lock_to_publish(regclass, text, interval)
  is 'Lock a table that is to join or leave the publication; 55P03 after some seconds.';
