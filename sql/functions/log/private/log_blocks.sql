-- Says in the log which blocks of a published table the caller's transaction changed; returns the position.
-- Nothing happens for a table that is not published (null); one that is about to be gets its floor above
-- everything that was committed before.
--
-- p_operation  append, reorg (blocks were replaced), repair, resync (the rows of another load)
-- p_last       null: everything from p_first on
-- p_position   of the same transaction, if it has an entry already: a range of another table is added
--
-- Exact: outside of the range no row differs from before.
--
-- Called last, but for the lease check. Locks: the log lock; the caller holds the stream row.
create or replace function ampsync_private.log_blocks(
  p_stream_id bigint,
  p_operation text,
  p_first     bigint,
  p_last      bigint,
  p_rows      bigint,
  p_position  bigint default null
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_published_id integer;
begin
  select p.published_id into v_published_id
    from ampsync_private.published p
   where p.stream_id = p_stream_id
     and p.state = 'live';
  if not found then
    return p_position;
  end if;

  if p_position is null then
    p_position := ampsync_private.take_position();
    insert into ampsync_private.change_tx
           (position, kind, lsn, xid, committed_at, recorded_at, schema_version, changes, bytes)
    values (p_position, 'blocks', pg_current_wal_insert_lsn(), pg_current_xact_id(), ampsync_private.now(),
            ampsync_private.now(), ampsync_private.present_version(), 1, 0);
  else
    update ampsync_private.change_tx t
       set changes = t.changes + 1
     where t.position = p_position;
  end if;
  insert into ampsync_private.change_block (position, published_id, operation, first_block, last_block, rows)
  values (p_position, v_published_id, p_operation, p_first, p_last, p_rows);
  return p_position;
end;
$$;

comment on function ampsync_private.log_blocks(bigint, text, bigint, bigint, bigint, bigint)
  is 'Say in the log which blocks of a published table this transaction changed.';
