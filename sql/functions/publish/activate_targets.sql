-- Makes published tables of datasets live that are about to be: an entry `floor`, from which on every
-- commit of theirs is in the log. Each stream row is locked before, as commits do before they look whether
-- the table is published, so no commit under way is missing above the floor. A stream row that is
-- not free within 300 ms, or a row that a user's transaction holds, is left for the next call. One that cannot go live
-- has the reason in `ampsync.publications`, and keeps no other from it.
--
-- Says in the log, too, of which tables, captured ones as well, the publication has ended, and sees to it that the
-- log is in the epoch of this start of the server, though nobody writes.
--
-- One short transaction, called beside the supervisor; returns the number of tables that are live from now on.
--
-- Locks: stream rows in order, rows of `published` that are free, then the log lock.
create or replace function ampsync_worker.activate_targets()
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_table record;
  v_ready integer[] := '{}';
  v_ended integer[];
  v_error text;
begin
  for v_table in
    select p.published_id, p.stream_id, c.oid::regclass as relation, n.nspname as schema_name, c.relname as table_name
      from ampsync_private.published p
      join ampsync_private.stream s using (stream_id)
      join pg_class c on c.oid = s.target
      join pg_namespace n on n.oid = c.relnamespace
     where p.mode = 'blocks'
       and p.state = 'starting'
     order by p.stream_id
  loop
    begin
      perform 1 from ampsync_private.stream s where s.stream_id = v_table.stream_id for no key update;
      perform 1
         from ampsync_private.published p
        where p.published_id = v_table.published_id
          and p.state = 'starting'
          for no key update skip locked;
      if found then
        perform ampsync_private.end_captured(v_table.relation);
        update ampsync_private.published p -- Columns are read here: for them a table's lock may be waited for.
           set relation    = v_table.relation,
               schema_name = v_table.schema_name,
               table_name  = v_table.table_name,
               columns     = ampsync_private.published_columns(v_table.relation),
               error       = null
         where p.published_id = v_table.published_id;
        v_ready := v_ready || v_table.published_id;
      end if;
    exception
      when lock_not_available then
        null; -- A swap, a commit that waits for a standby, or somebody who changes the table.
      when others then -- That of one table keeps no other from going live.
        get stacked diagnostics v_error = message_text;
        update ampsync_private.published p
           set error = jsonb_build_object('code', sqlstate, 'message', v_error)
         where p.published_id in (select o.published_id
                                    from ampsync_private.published o
                                   where o.published_id = v_table.published_id
                                     for no key update skip locked);
    end;
  end loop;

  for v_table in
    select p.published_id
      from ampsync_private.published p
     where p.published_id = any (v_ready)
     order by p.stream_id
  loop
    perform ampsync_private.raise_floor(v_table.published_id, 'published');
    update ampsync_private.published p
       set state = 'live', since = ampsync_private.now()
     where p.published_id = v_table.published_id;
    perform ampsync_private.journal(p.stream_id, 'table_live', jsonb_build_object(
              'table', p.relation::text, 'floor', p.floor))
       from ampsync_private.published p
      where p.published_id = v_table.published_id;
  end loop;

  v_ended := array(
    select p.published_id
      from ampsync_private.published p
     where p.state = 'ended'
       and p.floor is not null -- It was live.
       and p.error is null
     order by p.published_id
       for no key update skip locked);
  perform ampsync_private.log_entry('schema', array[e.published_id],
                                    jsonb_build_object('reason', 'it is not published any more', 'state', 'ended'))
     from unnest(v_ended) e(published_id);
  update ampsync_private.published p
     set error = jsonb_build_object(
           'code', 'SY401', 'message', 'the table is not published any more',
           'hint', format('select ampsync.publish(%L);', format('%I.%I', p.schema_name, p.table_name)))
   where p.published_id = any (v_ended);

  if exists (select from ampsync_private.published) then
    perform ampsync_private.check_epoch(); -- Last: it may take the log lock.
  end if;
  return cardinality(v_ready);
end;
$$;

comment on function ampsync_worker.activate_targets()
  is 'Make published tables of datasets live that are about to be; returns how many.';
