-- Waits until all tables of a dataset agree at a block or above (ampsync.cut); false if the
-- timeout passes first. Use it as a statement of its own, before the query that needs the
-- block: a statement sees the data as of its start.
--
-- timeout: default 10 s, at most 60 s. READ COMMITTED only: in other transactions it would
-- never see what others commit. Runs with its owner's rights, as cut does.
--
-- On a standby it needs hot_standby_feedback: without it, replay stops for statements that might
-- still read what it removes, this one among them. Where that happened it says so, and not false.
create or replace function ampsync.wait_for_block(
  dataset text,
  block   bigint,
  timeout interval default '10 s',
  network text default null
)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_deadline timestamptz := ampsync_private.now() + least(timeout, interval '60 s');
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using
      errcode = '25001',
      message = 'wait_for_block needs a READ COMMITTED transaction',
      detail  = format('A %s transaction never sees what others commit after its first statement.',
                       upper(current_setting('transaction_isolation'))),
      hint    = format('begin isolation level read committed; select ampsync.wait_for_block(%L, %s); commit;',
                       dataset, block);
  end if;

  perform ampsync_private.refuse_http(ampsync_private.find_dataset(dataset), 'wait_for_block');
  while ampsync.cut(dataset, network) is null or ampsync.cut(dataset, network) < block loop
    if ampsync_private.now() >= v_deadline then
      if pg_is_in_recovery() and pg_last_wal_replay_lsn() < pg_last_wal_receive_lsn()
         and not current_setting('hot_standby_feedback')::boolean then
        raise exception using
          errcode = '55000',
          message = format('the standby stood still while wait_for_block waited for block %s of %s', block, dataset),
          detail  = 'It has received more than it has replayed: without hot_standby_feedback, replay stops for '
                    'statements that might still read what it removes, and this is one.',
          hint    = 'alter system set hot_standby_feedback = on; select pg_reload_conf();';
      end if;
      return false;
    end if;
    perform pg_sleep(0.02);
  end loop;
  return true;
end;
$$;

comment on function ampsync.wait_for_block(text, bigint, interval, text)
  is 'Wait until all tables of a dataset agree at a block; a statement of its own.';
