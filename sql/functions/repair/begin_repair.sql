-- Opens the transaction of a repair: fence, lease and target as in begin_apply, then the rows
-- of exactly these blocks are deleted; in an emptied table they may already be missing. COPY of
-- the new rows follows, then commit_repair. Fails if the repair was cancelled or changed since
-- the pass read it.
--
-- Locks: fence (shared), the target, ledger rows, target rows, repair row.
create or replace procedure ampsync_worker.begin_repair(
  p_stream_id   bigint,
  p_epoch       bigint,
  p_first_block bigint,
  p_last_block  bigint
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_deleted bigint;
begin
  call ampsync_private.enter_fence(p_stream_id, p_epoch);
  call ampsync_private.lock_target(p_stream_id);

  perform ampsync_private.split_ledger(p_stream_id, p_first_block, p_last_block);
  v_deleted := ampsync_private.delete_blocks(p_stream_id, p_first_block, p_last_block);

  update ampsync_private.repair r
     set rows_before = v_deleted
   where r.stream_id = p_stream_id
     and r.first_block = p_first_block
     and r.last_block = p_last_block;
  if not found then
    raise exception using
      errcode = 'SY003',
      message = format('the repair of blocks %s to %s is no longer requested', p_first_block, p_last_block),
      detail  = 'It was cancelled, or another range was requested instead.',
      hint    = 'select * from ampsync.repairs;';
  end if;
end;
$$;

comment on procedure ampsync_worker.begin_repair(bigint, bigint, bigint, bigint)
  is 'First statement of a repair: fence, lease, target, removal of the rows of its blocks.';
