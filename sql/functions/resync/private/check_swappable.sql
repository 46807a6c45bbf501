-- Refuses a shadow that cannot take the place of its stream's target by merging
-- rows, because it has other columns. Asked when the shadow's table is made, which is
-- before the long load, and again at the swap.
create or replace function ampsync_private.check_swappable(
  p_shadow_id bigint
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_shadow ampsync_private.stream;
  v_live   ampsync_private.stream;
  v_fault  text;
begin
  select * into strict v_shadow
    from ampsync_private.stream s
   where s.stream_id = p_shadow_id;
  select * into strict v_live
    from ampsync_private.stream s
   where s.stream_id = v_shadow.shadow_of;

  v_fault := case
    when v_shadow.has_block_num <> v_live.has_block_num
      then format('the server %s _block_num', case when v_shadow.has_block_num then 'now offers' else 'no longer offers' end)
    else ampsync_private.column_differences(v_live.target, v_live.columns, v_shadow.columns)
  end;
  if v_fault is not null then
    raise exception using
      errcode = 'SY201',
      message = format('the rows of the resync do not fit table %I.%I: %s', v_live.target_schema, v_live.target_table, v_fault),
      detail  = 'The table keeps its rows. This release resyncs with the same columns only.',
      hint    = format('select ampsync.cancel_resync(%L, %L);',
                       ampsync_private.stream_label(p_shadow_id), v_live.table_name);
  end if;
end;
$$;

comment on function ampsync_private.check_swappable(bigint)
  is 'Raise SY201 unless the rows of a shadow fit into the target of its stream.';
