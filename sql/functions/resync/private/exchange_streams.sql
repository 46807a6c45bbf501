-- Gives streams the rows and records of their shadows, or of their former tables, all in the
-- caller's transaction: readers see all of it or nothing.
--
-- A table with the same columns stays the same table, and gets the difference (merge_rows).
-- One with other columns is replaced by the other table, which takes its name and whatever
-- hangs on it (replace_target). These come last, because nobody can read a table from its lock
-- until the transaction ends.
--
-- p_former  the source is the former table of each stream, instead of its shadow
-- p_keep    what each stream had is kept as its former table; there is no older one. Otherwise
--           it is dropped
--
-- Returns what changed, for log_exchange, which the caller calls last.
--
-- The caller holds the fences of all these streams and their shadows, and has followed the
-- names of their targets.
--
-- Locks: in the order of their OIDs the targets to be merged (row exclusive), each with its
-- source (access exclusive), and their rows; then those to be replaced, with their sources
-- (access exclusive); history; the rows of the streams.
create or replace function ampsync_private.exchange_streams(
  p_stream_ids bigint[],
  p_former     boolean,
  p_keep       boolean
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_pair     record;
  v_live     ampsync_private.stream;
  v_source   ampsync_private.stream;
  v_count    record;
  v_counts   jsonb := '{}';
  v_ranges   jsonb := '{}';
  v_replaced bigint[] := '{}';
  v_targets  regclass[] := '{}';
  v_others   regclass[] := '{}';
  v_kept     regclass;
  v_name     text;
begin
  for v_pair in
    select s.stream_id, w.stream_id as source_id
      from ampsync_private.stream s
      join ampsync_private.stream w on w.shadow_of = s.stream_id and (w.state = 'former') = p_former
     where s.stream_id = any (p_stream_ids)
     order by s.target
  loop
    select * into strict v_live from ampsync_private.stream s where s.stream_id = v_pair.stream_id;
    select * into strict v_source from ampsync_private.stream s where s.stream_id = v_pair.source_id;
    if not exists (select 1 from pg_class c where c.oid = v_live.target) then
      call ampsync_private.raise_target_moved(v_live.stream_id);
    elsif not exists (select 1 from pg_class c where c.oid = v_source.target) then
      call ampsync_private.raise_target_moved(v_source.stream_id);
    end if;
    if not ampsync_private.has_columns(v_live, v_source.has_block_num, v_source.columns) then
      perform ampsync_private.check_swappable(v_live.stream_id, v_source.has_block_num, v_source.columns);
      v_replaced := v_replaced || v_pair.stream_id;
      v_ranges := v_ranges || jsonb_build_object(v_live.stream_id, null);
      perform ampsync_private.copy_indexes(v_live.target, v_source.target); -- Before readers have to wait.
      v_targets := v_targets || v_live.target;
      v_others := v_others || v_source.target;
      continue;
    end if;

    call ampsync_private.lock_target(v_live.stream_id);
    perform ampsync_private.lock_tables('{}', array[v_source.target]);
    if p_keep then
      perform ampsync_private.allow_nulls(v_source.target, v_live.target);
    end if;
    select * into v_count
      from ampsync_private.merge_rows(v_live.target, v_source.target, ampsync_private.own_columns(v_live), p_keep);
    v_counts := v_counts || jsonb_build_object(v_live.stream_id, jsonb_build_object(
                  'rows_deleted', v_count.deleted, 'rows_inserted', v_count.inserted));
    v_ranges := v_ranges || jsonb_build_object(v_live.stream_id, jsonb_build_object(
                  'first_block', v_count.first_block, 'rows', v_count.inserted));
  end loop;
  perform ampsync_private.lock_tables(v_targets, v_others);

  for v_pair in
    select s.stream_id, w.stream_id as source_id
      from ampsync_private.stream s
      join ampsync_private.stream w on w.shadow_of = s.stream_id and (w.state = 'former') = p_former
     where s.stream_id = any (p_stream_ids)
     order by s.target
  loop
    select * into strict v_live from ampsync_private.stream s where s.stream_id = v_pair.stream_id;
    select * into strict v_source from ampsync_private.stream s where s.stream_id = v_pair.source_id;

    v_name := case when p_keep then 'former_' else 'replaced_' end || v_live.stream_id;
    if v_live.stream_id = any (v_replaced) then
      perform ampsync_private.check_target(v_live); -- Its name may have changed until it was locked.
      v_kept := v_live.target;
      perform ampsync_private.replace_target(v_live.target, v_source.target, 'ampsync_private', v_name);
    else
      v_kept := v_source.target;
      if p_keep then
        execute format('alter table %s rename to %I', v_kept, v_name);
      end if;
    end if;

    if p_keep then
      perform ampsync_private.keep_former(v_live.stream_id, v_kept);
    else
      execute format('drop table %s', v_kept);
    end if;
    perform ampsync_private.take_over_stream(
              v_live.stream_id, v_source.stream_id,
              case when v_live.stream_id = any (v_replaced) then v_source.target else v_live.target end);
    delete from ampsync_private.stream s where s.stream_id = v_source.stream_id;

    perform ampsync_private.journal(v_live.stream_id, case when p_former then 'rolled_back' else 'resynced' end,
      jsonb_build_object('old_block', v_live.checkpoint_block, 'block', v_source.checkpoint_block,
                         'rows', v_source.row_total)
      || coalesce(v_counts -> v_live.stream_id::text, '{"replaced": true}'));
    select * into strict v_live from ampsync_private.stream s where s.stream_id = v_pair.stream_id;
    call ampsync_private.check_target_name(v_live);
  end loop;
  return v_ranges;
end;
$$;

comment on function ampsync_private.exchange_streams(bigint[], boolean, boolean)
  is 'Give streams the rows and records of their shadows, or of their former tables, in one transaction.';
