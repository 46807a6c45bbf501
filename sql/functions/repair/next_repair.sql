-- The range of blocks that a pass should fetch again next; no row if no repair is due. Repairs
-- that cannot be proven yet are postponed.
--
-- own_hash    the hash that the last block must have in what the server sends. As this
--             stream holds it: in its history, as parent of the block after, or in its own
--             rows. A range that reaches into the history waits for it, because a reorg may
--             be under way. For an older range the table of blocks is asked before the
--             stream's own rows, which may be what is damaged; null if the last block has
--             no row here
-- newest_row  the newest block with a row, which the server must have as well
--
-- No effect without the lease. SY201 if the table is gone. Locks: the target (access share), repair
-- row.
create or replace function ampsync_worker.next_repair(
  p_stream_id bigint,
  p_epoch     bigint
)
  returns table (first_block bigint, last_block bigint, own_hash bytea, newest_row bigint)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_column   text := ampsync_private.hash_column(p_stream_id);
  v_tip      bigint;
  v_retained bigint;
  v_parent   bytea;
  v_row      bytea;
begin
  select min(h.first_block), max(h.last_block) into v_retained, v_tip
    from ampsync_private.history h
   where h.stream_id = p_stream_id;

  for first_block, last_block in
    select r.first_block, r.last_block
      from ampsync_private.repair r
      join ampsync_private.lease l using (stream_id)
     where r.stream_id = p_stream_id
       and l.epoch = p_epoch
       and r.due_at <= ampsync_private.now()
     order by r.first_block
  loop
    if not ampsync_private.hold_target(p_stream_id) then
      call ampsync_private.raise_target_moved(p_stream_id);
    end if;
    v_row := ampsync_private.hash_in_rows(p_stream_id, v_column, last_block);
    v_parent := case when v_column = 'hash'
                     then ampsync_private.hash_in_rows(p_stream_id, 'parent_hash', last_block + 1) end;
    newest_row := ampsync_private.newest_row(p_stream_id);

    if last_block < v_retained then
      own_hash := v_parent;
      if own_hash is null and v_row is not null then
        own_hash := coalesce(ampsync_private.hash_in_table_of_blocks(p_stream_id, last_block), v_row);
      end if;
      return next;
      return;
    end if;

    own_hash := coalesce(
      (select h.hash
         from ampsync_private.history h
        where h.stream_id = p_stream_id and h.last_block = next_repair.last_block),
      v_parent, v_row);
    if own_hash is not null and last_block <= v_tip then
      return next;
      return;
    end if;

    perform ampsync_worker.defer_repair(p_stream_id, p_epoch, first_block, jsonb_build_object(
              'code', 'SY101', 'message', format('the hash of block %s is not known here yet', last_block),
              'hint', 'Retried automatically; once the chain has moved on, no hash is needed.'));
  end loop;
end;
$$;

comment on function ampsync_worker.next_repair(bigint, bigint)
  is 'The range of blocks that a pass should fetch again next, with the hash that proves it.';
