-- Opens a writing transaction of a stream: takes the fence of the lease epoch, fails fast if the
-- lease is not current, locks the target, proves that its name still refers to it and that
-- nobody emptied it, and removes the replaced blocks if the microbatches that follow are a
-- replacement.
--
-- The first statement of every transaction that writes to a target.
--
-- Locks: fence (shared), the target, then, if blocks are removed, target rows, history, version
-- history and the stream row.
create or replace procedure ampsync_worker.begin_apply(
  p_stream_id   bigint,
  p_epoch       bigint,
  p_removes     boolean default false,
  p_from_block  bigint default null,
  p_parent_hash bytea default null
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream  ampsync_private.stream;
  v_deleted bigint;
  v_depth   bigint;
  v_class   integer; -- Of its depth, in stream.reorgs.
begin
  call ampsync_private.enter_fence(p_stream_id, p_epoch);
  call ampsync_private.lock_target(p_stream_id);
  perform ampsync_private.check_target_filled(p_stream_id);

  if p_removes then
    select * into strict v_stream
      from ampsync_private.stream s
     where s.stream_id = p_stream_id;

    v_deleted := ampsync_private.delete_from_block(p_stream_id, p_from_block, p_parent_hash);
    perform ampsync_private.record_version(p_stream_id, coalesce(p_from_block, 0));

    v_depth := v_stream.checkpoint_block - coalesce(p_from_block, v_stream.origin) + 1;
    v_class := 1 + coalesce(width_bucket(v_depth, '{2,11,65}'::bigint[]), 0);

    update ampsync_private.stream s
       set row_total       = s.row_total - v_deleted,
           reorgs[v_class] = s.reorgs[v_class] + (v_depth is not null)::integer
     where s.stream_id = p_stream_id;

    perform ampsync_private.journal(p_stream_id, 'reorg', jsonb_build_object(
      'from_block', coalesce(p_from_block, v_stream.origin),
      'old_tip', v_stream.checkpoint_block,
      'depth', v_depth,
      'rows_deleted', v_deleted));
  end if;
end;
$$;

comment on procedure ampsync_worker.begin_apply(bigint, bigint, boolean, bigint, bytea)
  is 'First statement of a writing transaction: fence, lease, target, removal of replaced blocks.';
