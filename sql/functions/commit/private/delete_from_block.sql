-- Deletes every row of a stream's target from a block on, and the rejected rows of these
-- blocks; shortens history and ledger to end below it. Returns the number of rows deleted. A
-- null block means all of them: the beginning of the stream was replaced.
--
-- Called by begin_apply after the server replaced blocks, inside the transaction that also
-- copies the replacement and ends with commit_apply. Readers move from the old chain to the new
-- one in one step; there is no state in between.
--
-- Deleting more than the server sends again would lose rows. Therefore the removal is proven
-- here: in this stream's own records, the block before it has the hash that the server names as
-- parent. Without a parent hash (servers of 2025) the removal must start right after a
-- watermark, which the server verified when it accepted that watermark as cursor.
--
-- Idempotent: a second identical call deletes nothing.
--
-- Locks: target rows, then rejected rows, history, ledger.
create or replace function ampsync_private.delete_from_block(
  p_stream_id   bigint,
  p_from_block  bigint,
  p_parent_hash bytea
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream  ampsync_private.stream;
  v_own     bytea;
  v_entry   ampsync_private.history;
  v_first   bigint;
  v_deleted bigint;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  select * into v_entry
    from ampsync_private.history h
   where h.stream_id = p_stream_id
     and p_from_block - 1 between h.first_block and h.last_block;

  v_own := case
    when v_entry.last_block = p_from_block - 1 then v_entry.hash
    when v_entry.last_block is not null and p_parent_hash is not null
      then ampsync_private.own_hash(p_stream_id, p_from_block - 1)
  end;

  if p_from_block is not null and (v_own is null or v_own <> p_parent_hash) then
    raise exception using
      errcode = 'SY101',
      message = format('blocks from %s on cannot be removed: the block before is not proven', p_from_block),
      detail  = format('The server names parent hash %s; this stream holds %s.',
                       coalesce(encode(p_parent_hash, 'hex'), 'none'), coalesce(encode(v_own, 'hex'), 'none')),
      hint    = 'The stream reconnects from an older watermark automatically; select * from ampsync.events;';
  end if;

  v_deleted := ampsync_private.delete_rows(v_stream.target, v_stream.identity, coalesce(p_from_block, 0),
                                           281474976710655); -- 2^48 - 1: see block_prefix.

  delete from ampsync_private.reject r
   where r.stream_id = p_stream_id
     and r.block >= coalesce(p_from_block, 0);

  delete from ampsync_private.history h
   where h.stream_id = p_stream_id
     and h.last_block >= coalesce(p_from_block, 0);

  -- The removal starts inside a microbatch: the rest of that one ends at the parent.
  if v_entry.last_block >= p_from_block and v_entry.first_block < p_from_block then
    insert into ampsync_private.history (stream_id, first_block, last_block, hash, prev_hash)
    values (p_stream_id, v_entry.first_block, p_from_block - 1, v_own, v_entry.prev_hash);
  end if;

  with removed as (
    delete from ampsync_private.ledger l
     where l.stream_id = p_stream_id
       and l.last_block >= coalesce(p_from_block, 0)
    returning l.first_block
  )
  select min(r.first_block) into v_first
    from removed r;

  if v_first < p_from_block then
    insert into ampsync_private.ledger (stream_id, first_block, last_block, row_count, id_xor)
    select p_stream_id, m.first_block, m.last_block, m.row_count, m.id_xor
      from ampsync_private.measure_rows(
             v_stream.target, v_stream.identity, array[v_first], array[p_from_block - 1]) m;
  end if;

  return v_deleted;
end;
$$;

comment on function ampsync_private.delete_from_block(bigint, bigint, bytea)
  is 'Delete a stream''s rows from a proven block on, and the history with them; returns the rows deleted.';
