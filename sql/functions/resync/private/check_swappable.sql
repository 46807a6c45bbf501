-- Rejects a shadow whose rows cannot be merged into its stream's target, because it has other
-- columns than the target had when the shadow's table was made.
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

  select coalesce(r.fault, (
           select 'Columns missing in the table: ' || string_agg(e.column_name, ', ')
             from ampsync_private.plan_evolution(v_live.stream_id, v_shadow.has_block_num, v_shadow.columns) e
            where e.action in ('add_column', 'widen_column')))
    into v_fault
    from ampsync_private.evolution_refusal(v_live.stream_id, v_shadow.has_block_num, v_shadow.columns) r;
  if v_fault is not null then
    raise exception using
      errcode = 'SY201',
      message = format('the rows of the resync do not fit table %I.%I: %s',
                       v_live.target_schema, v_live.target_table, v_fault),
      detail  = 'The table keeps its rows. Only the same columns can be merged.',
      hint    = format('select ampsync.cancel_resync(%L, %L);',
                       ampsync_private.stream_label(p_shadow_id), v_live.table_name);
  end if;
end;
$$;

comment on function ampsync_private.check_swappable(bigint)
  is 'Raise SY201 unless the rows of a shadow fit into the target of its stream.';
