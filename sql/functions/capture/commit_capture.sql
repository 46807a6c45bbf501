-- Brings whole transactions, in the order of WAL, into the log, in one statement that commits by itself: their
-- rows, what they say about the form of tables, their entries, and how far WAL is stored. All of it or nothing.
--
-- p_generation, p_expected_commit_lsn  of the pass: if another one works, or the log stands elsewhere, SY001
-- p_transactions  [{"n": from 0 on, "commit_lsn", "end_lsn", "xid", "at": microseconds since 2000, "large": its
--                 first lines went by store_changes, "changes", "bytes", "marks",
--                 "messages": [{"prefix","content"}], "relations"}];
--                 those at or below commit_lsn were sent again: they are counted, and dropped
-- p_lines         see store_lines
--
-- In WAL order: before the entry of a transaction stands what its Relations and messages say, after it the
-- floors of tables whose rows it could not store. Where a table changed its form within a transaction, rows of
-- the former form stand behind that entry, so it gets a floor as well.
--
-- Returns {"commit_lsn", "end_lsn", "tables": captured_tables where they may have changed, or null, "reread":
-- the columns that the lines were made by are other ones: what comes behind end_lsn was not stored, and is to be
-- decoded anew}. The same call again, whose answer was lost, answers the same.
--
-- Durable: what was stored is acknowledged to the slot next.
--
-- Errors: SY001; SY404; 55P03 while somebody holds a table's row in `published`, 40001 while a transaction is
-- not visible yet: the same call again. Locks, in this order: the row of capture, rows of `published` that
-- change (300 ms), the log lock.
create or replace function ampsync_worker.commit_capture(
  p_generation          bigint,
  p_expected_commit_lsn pg_lsn,
  p_transactions        jsonb,
  p_lines               text
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_capture   ampsync_private.capture := ampsync_private.hold_capture(p_generation);
  v_last      pg_lsn := (p_transactions -> -1 ->> 'commit_lsn')::pg_lsn;
  v_group     record; -- The transactions in arrays, the first one under 1.
  v_going     integer[];
  v_stored    bigint;
  v_refused   jsonb;
  v_messages  jsonb;
  v_losses    jsonb;
  v_specials  integer[]; -- Those of which more is to be known than their rows.
  v_truncated jsonb;
  v_counts    integer[];
  v_nulls     jsonb; -- Where rows have NULLs and none can be.
  v_positions bigint[];
  v_versions  text[];
  v_version   text;
  v_stop      integer; -- The first one that is not stored.
  v_reread    boolean := false;
begin
  perform ampsync_private.commit_durably();
  if v_capture.commit_lsn is distinct from p_expected_commit_lsn then
    if v_capture.commit_lsn = v_last then -- No other pass has stored since.
      return ampsync_private.capture_answer(v_capture.acquired_at is null, true); -- See move_capture.
    end if;
    call ampsync_private.raise_capture_lost(p_generation);
  end if;

  select * into strict v_group
    from ampsync_private.number_transactions(p_transactions, v_capture);
  v_messages := ampsync_private.read_messages(p_transactions, v_group.replayed);
  v_going := ampsync_private.hold_starting(v_last);
  perform ampsync_private.add_change_partitions(min(t.tx_id), max(t.tx_id))
     from unnest(v_group.tx_ids) t(tx_id)
   having min(t.tx_id) is not null;
  select s.stored, s.refused into v_stored, v_refused
    from ampsync_private.store_lines(v_group.tx_ids, p_lines, v_going) s;
  v_losses := ampsync_private.captured_losses(p_transactions, v_group.replayed, v_capture, v_refused);
  v_truncated := ampsync_private.captured_truncates(v_group.tx_ids, p_lines, v_capture, v_group.has_large);
  v_counts := ampsync_private.count_changes(p_transactions, v_group.tx_ids, v_stored, v_going, v_losses, v_capture);
  v_specials := v_group.specials || array(select (l.value ->> 'n')::integer + 1 from jsonb_array_elements(v_losses) l);
  v_nulls := ampsync_private.null_columns(array_remove(v_group.tx_ids, v_capture.large_tx));
  if v_capture.large_tx = any (v_group.tx_ids) then -- What was stored ahead of its end is not read again.
    v_nulls := v_nulls || ampsync_private.large_nulls(v_capture);
  end if;

  if v_specials <> '{}' or v_going <> '{}' or v_truncated <> '[]' or 0 < any (v_counts) then
    perform set_config('lock_timeout', '300ms', true);
    perform ampsync_private.hold_changing(p_transactions, v_specials, v_losses, v_truncated);
    perform ampsync_private.look_before(p_transactions, v_group.replayed) where v_specials <> '{}';
    perform set_config('lock_timeout', '10s', true);
    perform ampsync_private.lock_log();
    perform ampsync_private.check_epoch();
    perform set_config('lock_timeout', '100ms', true); -- From here on there is nothing to wait for.
  end if;

  v_version := ampsync_private.present_version();
  for v_i in 1 .. cardinality(v_group.tx_ids) loop
    continue when v_group.replayed[v_i];
    if v_i = any (v_specials) or v_going <> '{}' then
      v_reread := ampsync_private.note_before(p_transactions -> v_i - 1, v_group.tx_ids[v_i], v_going,
                                              v_messages -> (v_i - 1)::text);
      if v_reread then
        v_stop := v_i;
        exit;
      end if;
      v_reread := ampsync_private.note_looks(p_transactions -> v_i - 1, v_messages -> (v_i - 1)::text);
      v_version := ampsync_private.present_version();
    end if;
    if v_nulls ? v_group.tx_ids[v_i]::text then
      perform ampsync_private.note_nulls(v_nulls -> v_group.tx_ids[v_i]::text,
                                         (p_transactions -> v_i - 1 ->> 'commit_lsn')::pg_lsn,
                                         ampsync_private.captured_at(p_transactions -> v_i - 1 ->> 'at'));
      v_version := ampsync_private.present_version();
    end if;
    if v_counts[v_i] > 0 or v_messages #> array[(v_i - 1)::text, 'client'] is not null then
      v_positions[v_i] := nextval('ampsync_private.position');
      v_versions[v_i] := v_version;
    end if;
    if v_i = any (v_specials) then
      perform ampsync_private.note_after(p_transactions -> v_i - 1, v_losses);
    end if;
    if v_reread then
      v_stop := v_i + 1;
      exit;
    end if;
  end loop;

  perform ampsync_private.log_transactions(p_transactions, v_group.tx_ids, v_positions, v_versions, v_counts,
                                            v_messages);
  if v_truncated <> '[]' then
    perform ampsync_private.note_truncates(v_truncated, v_positions);
  end if;
  perform ampsync_private.move_capture(p_transactions, v_group.tx_ids, v_group.replayed, v_stop);
  return ampsync_private.capture_answer(v_reread, false);
end;
$$;

comment on function ampsync_worker.commit_capture(bigint, pg_lsn, jsonb, text)
  is 'Bring whole captured transactions into the log.';
