-- Records what the ranges of finished microbatches hold: the number of their rows and the xor
-- of the last 8 bytes of their `_id`, as the encoder counted them.
--
-- p_watermarks: see append_history, with "rows" and "id_xor" (as text). Writers that do not
-- count omit them; then the rows just written are measured here.
--
-- Called by commit_apply after the history was found unbroken. Locks: ledger rows of the
-- stream.
create or replace function ampsync_private.append_ledger(
  p_stream_id  bigint,
  p_watermarks jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_counted bigint;
  v_firsts  bigint[];
  v_lasts   bigint[];
begin
  insert into ampsync_private.ledger (stream_id, first_block, last_block, row_count, id_xor)
  select p_stream_id, (w.value ->> 'start')::bigint, (w.value ->> 'end')::bigint,
         (w.value ->> 'rows')::bigint, (w.value ->> 'id_xor')::bigint
    from jsonb_array_elements(p_watermarks) w
   where w.value ? 'rows';
  get diagnostics v_counted = row_count;
  if v_counted = jsonb_array_length(p_watermarks) then
    return;
  end if;

  select array_agg((w.value ->> 'start')::bigint), array_agg((w.value ->> 'end')::bigint) into v_firsts, v_lasts
    from jsonb_array_elements(p_watermarks) w
   where not w.value ? 'rows';
  insert into ampsync_private.ledger (stream_id, first_block, last_block, row_count, id_xor)
  select p_stream_id, m.first_block, m.last_block, m.row_count, m.id_xor
    from ampsync_private.stream s
   cross join lateral ampsync_private.measure_rows(s.target, s.identity, v_firsts, v_lasts) m
   where s.stream_id = p_stream_id;
end;
$$;

comment on function ampsync_private.append_ledger(bigint, jsonb)
  is 'Record what the ranges of finished microbatches hold: rows, and the xor of their _id.';
