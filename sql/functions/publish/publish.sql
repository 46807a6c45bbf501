-- Publishes a table: from now on its changes come into the log (ampsync.change_history,
-- ampsync.read_changes). A table of an Amp dataset is published as ranges of blocks. Any other one, the
-- target of an HTTP source among them, is captured from WAL, whoever writes it, row by row.
--
-- target    the table; of a partitioned table its root
-- identity  of a captured table. full, unless it is published already: whole old rows, and what ampsync.table_as_of
--           needs. key: half of the WAL of an update, the key of the old row only
-- baseline  the present rows of a captured table go into its history, by a job, so that it can be rebuilt across a
--           TRUNCATE. Writers of the table wait while they are taken. Also for a table that is published already
--
-- Idempotent; another identity updates. Call it by itself: it waits for the writers of the table
-- that are under way, in attempts of 300 ms and for 10 s at most (55P03), and while its transaction is
-- open they wait for it, and where the replica identity changes, readers too. In a transaction that
-- holds a lock on the table: 25001. What cannot be published: SY402; what the server or the rights of
-- our role do not allow: SY403. It never takes the log lock.
--
-- Locks: the table and its partitions (share row exclusive, or access exclusive where the replica
-- identity changes), then a row of published.
create or replace function ampsync.publish(
  target   regclass,
  identity text default null,
  baseline boolean default false
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_stream_id bigint := ampsync_private.dataset_stream(target);
begin
  if target is null then
    raise exception using
      errcode = 'SY402',
      message = 'a table is needed',
      detail  = 'The table is null.',
      hint    = 'select ampsync.publish(''public.todos'');';
  end if;
  if v_stream_id is not null then
    perform ampsync_private.publish_target(v_stream_id);
  else
    perform ampsync_private.publish_table(target, coalesce(identity, (select p.identity
                                                                        from ampsync_private.published p
                                                                       where p.relation = target), 'full'));
    if baseline then
      perform ampsync_private.ask_baseline(target);
    end if;
  end if;
end;
$$;

comment on function ampsync.publish(regclass, text, boolean)
  is 'Publish a table: its changes come into the log from now on.';
