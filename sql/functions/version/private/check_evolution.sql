-- Rejects planned columns that the target of a stream cannot be made to fit.
create or replace function ampsync_private.check_evolution(
  p_stream_id     bigint,
  p_has_block_num boolean,
  p_columns       jsonb
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream ampsync_private.stream;
  v_label  text := ampsync_private.stream_label(p_stream_id);
  v_found  record;
begin
  select * into strict v_found
    from ampsync_private.evolution_refusal(p_stream_id, p_has_block_num, p_columns);
  if v_found.fault is null then
    return;
  end if;

  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  raise exception using
    errcode = 'SY201',
    message = format('target table of %s does not fit the schema: %s', v_stream.table_name, v_found.fault),
    detail  = format('Nothing was written or changed. The target is %s.', v_stream.target),
    hint    = case when v_found.remedy is null
                   then format('select ampsync.resync(%L, %L);', v_label, v_stream.table_name)
                   else format('%sselect ampsync.resume_sync(%L);', v_found.remedy, v_label) end;
end;
$$;

comment on function ampsync_private.check_evolution(bigint, boolean, jsonb)
  is 'Raise SY201 if a stream''s target cannot be made to fit the planned columns.';
