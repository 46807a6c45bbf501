-- The range of blocks that a pass should fetch again next; no row where no repair
-- is due. Repairs that nothing can prove yet are put off.
--
-- own_hash: the hash that the last block must have in what the server sends, for
--   ranges that reach into the history, where a reorg may be under way. As this
--   stream holds it: in its history, as parent of the block after, or in its own
--   rows. Null for older ranges.
--
-- No effect without the lease. Locks: repair row.
create or replace function ampsync_worker.next_repair(
  p_stream_id bigint,
  p_epoch     bigint
)
  returns table (first_block bigint, last_block bigint, own_hash bytea)
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
    if last_block < v_retained then
      return next;
      return;
    end if;

    own_hash := coalesce(
      (select h.hash from ampsync_private.history h where h.stream_id = p_stream_id and h.last_block = next_repair.last_block),
      case when v_column = 'hash' then ampsync_private.hash_in_rows(p_stream_id, 'parent_hash', last_block + 1) end,
      ampsync_private.hash_in_rows(p_stream_id, v_column, last_block));
    if own_hash is not null and last_block <= v_tip then
      return next;
      return;
    end if;

    perform ampsync_worker.defer_repair(p_stream_id, p_epoch, first_block, jsonb_build_object(
              'code', 'SY101', 'message', format('the hash of block %s is not known here yet', last_block),
              'hint', 'It is tried again by itself; it can do without once the chain has gone on.'));
  end loop;
end;
$$;

comment on function ampsync_worker.next_repair(bigint, bigint)
  is 'The range of blocks that a pass should fetch again next, with the hash that proves it.';
