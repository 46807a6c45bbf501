-- Closes the transaction of a repair: proves that the new rows belong to our chain and are no
-- fewer than were loaded, records in the ledger what they are, and checks the name of the
-- target and finally the lease, under its row lock. Sent in one message with COMMIT.
--
-- From now on ledger entries within the range say what was fetched. An entry that reaches
-- beyond the range was damaged, or begin_repair would have split it, and stays as it is: the
-- rows loaded at first must be there again, or ampsync.verify still reports it.
--
-- p_own_hash  see next_repair; null if nothing is to be proven
-- p_rows      rows copied
-- p_values    see record_values
--
-- Locks, in this order: stream row, ledger rows, version history, repair row; the log lock, if the table is
-- published; lease row.
create or replace procedure ampsync_worker.commit_repair(
  p_stream_id   bigint,
  p_epoch       bigint,
  p_first_block bigint,
  p_last_block  bigint,
  p_own_hash    bytea,
  p_rows        bigint,
  p_values      jsonb default null
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream ampsync_private.stream;
  v_before bigint;
begin
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     for no key update;
  if not found then
    call ampsync_private.raise_lease_lost(p_stream_id, p_epoch);
  end if;

  perform ampsync_private.check_fetched(p_stream_id, p_first_block, p_last_block, p_own_hash,
            p_rows + coalesce(jsonb_array_length(p_values -> 'rejected'), 0), p_values -> 'rejected');
  perform ampsync_private.record_blocks(p_stream_id, p_first_block, p_last_block);
  perform ampsync_private.record_version(p_stream_id, p_first_block, p_last_block);

  delete from ampsync_private.repair r
   where r.stream_id = p_stream_id
     and r.first_block = p_first_block
     and r.last_block = p_last_block
  returning r.rows_before into strict v_before;

  update ampsync_private.stream s
     set row_total = s.row_total - v_before + p_rows
   where s.stream_id = p_stream_id;

  perform ampsync_private.record_values(p_stream_id, p_values);
  perform ampsync_private.journal(p_stream_id, 'repaired', jsonb_build_object(
            'from_block', p_first_block, 'to_block', p_last_block, 'rows_before', v_before, 'rows_after', p_rows));

  call ampsync_private.check_target_name(v_stream);
  perform ampsync_private.log_blocks(p_stream_id, 'repair', p_first_block, p_last_block, p_rows);
  call ampsync_private.check_lease(p_stream_id, p_epoch);
end;
$$;

comment on procedure ampsync_worker.commit_repair(bigint, bigint, bigint, bigint, bytea, bigint, jsonb)
  is 'Last statement of a repair: proof, ledger, lease check; sent together with COMMIT.';
