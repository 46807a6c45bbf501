-- Closes a writing transaction of a stream: history, checkpoint, counters, then that the name
-- under which rows were copied still refers to the target, and finally the lease, under its row
-- lock. Sent in one message with COMMIT, so that no client can freeze between the check and the
-- commit.
--
-- p_expected_block  the checkpoint that the caller continued from. If the database has
--                   another one, somebody else wrote: SY001
-- p_watermarks      see append_history and append_ledger; the last one becomes the
--                   checkpoint. Its "timestamp" is the time of that block, see block_time
-- p_rows            rows copied
-- p_values          see record_values
--
-- Locks, in this order: stream row, history rows, ledger rows; the log lock, if the table is published; lease row.
create or replace procedure ampsync_worker.commit_apply(
  p_stream_id      bigint,
  p_epoch          bigint,
  p_expected_block bigint,
  p_network        text,
  p_watermarks     jsonb,
  p_rows           bigint,
  p_values         jsonb default null
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream ampsync_private.stream;
  v_tip    ampsync_private.history;
  v_before bigint;
  v_state  text;
  v_now    timestamptz := ampsync_private.now();
begin
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     for no key update;
  if not found or v_stream.checkpoint_block is distinct from p_expected_block then
    call ampsync_private.raise_lease_lost(p_stream_id, p_epoch);
  end if;
  if v_stream.network <> p_network then
    raise exception using
      errcode = 'SY101',
      message = format('Network changed for table %s: %s -> %s', v_stream.table_name, v_stream.network, p_network),
      detail  = 'Nothing was written: a stream stays on the network it began with.',
      hint    = format('select ampsync.resync(%L, %L); -- if it changed for good; retried automatically in any case',
                       ampsync_private.stream_label(p_stream_id), v_stream.table_name);
  end if;

  -- Below the checkpoint if this transaction removed blocks; null if it removed all, or none was ever loaded.
  select max(h.last_block) into v_before
    from ampsync_private.history h
   where h.stream_id = p_stream_id;

  v_tip := ampsync_private.append_history(p_stream_id, p_watermarks);
  perform ampsync_private.append_ledger(p_stream_id, p_watermarks);
  perform ampsync_private.prune_history(p_stream_id, v_tip.first_block);

  v_state := case when v_stream.state in ('waiting', 'retrying', 'reorg_pending') then 'backfill'
                  else v_stream.state end;

  update ampsync_private.stream s
     set network          = p_network,
         origin           = case when v_before is null then (p_watermarks -> 0 ->> 'start')::bigint else s.origin end,
         checkpoint_block = v_tip.last_block,
         checkpoint_hash  = v_tip.hash,
         block_time       = ampsync_private.block_time((p_watermarks -> -1 ->> 'timestamp')::bigint),
         committed_at     = v_now,
         load_started     = case when v_state <> 'backfill' then null
                                 when v_tip.last_block < s.from_block then v_now -- Without rows: not its speed.
                                 else coalesce(s.load_started, v_now) end,
         load_from        = case when v_state <> 'backfill' then null
                                 when v_tip.last_block < s.from_block or s.load_started is null then v_tip.last_block
                                 else s.load_from end,
         row_total        = s.row_total + p_rows,
         rewrites         = s.rewrites + (p_expected_block is distinct from v_before)::integer,
         state            = v_state,
         since            = case when s.state <> v_state then v_now else s.since end,
         attempts         = 0,
         deaths           = 0,
         next_retry       = null,
         error            = case when v_state = 'orphaned' then s.error end -- Says why nothing follows.
   where s.stream_id = p_stream_id;

  perform ampsync_private.record_values(p_stream_id, p_values);

  if v_stream.shadow_of is not null then
    perform ampsync_private.wake_swap(p_stream_id);
  end if;

  call ampsync_private.check_target_name(v_stream);
  if p_expected_block is distinct from v_before then -- Blocks were removed.
    perform ampsync_private.log_blocks(p_stream_id, 'reorg', coalesce(v_before + 1, 0), null, p_rows);
  else
    perform ampsync_private.log_blocks(p_stream_id, 'append', (p_watermarks -> 0 ->> 'start')::bigint,
                                       v_tip.last_block, p_rows);
  end if;
  call ampsync_private.check_lease(p_stream_id, p_epoch);
end;
$$;

comment on procedure ampsync_worker.commit_apply(bigint, bigint, bigint, text, jsonb, bigint, jsonb)
  is 'Last statement of a writing transaction: history, checkpoint, lease check; sent together with COMMIT.';
