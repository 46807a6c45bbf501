-- Refuses to continue with a table that somebody emptied, most often by TRUNCATE: one probe of
-- the index of block_key in the newest blocks that must have rows. The ORDER BY makes the planner use
-- that index even if the table was never analyzed; planner settings on the function would cost
-- each commit more than the probe.
create or replace function ampsync_private.check_target_filled(
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile -- Sees what was committed while the call before waited for the target.
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_entry  record;
  v_filled boolean;
begin
  select l.first_block, l.last_block, l.row_count, s.target, s.identity, s.table_name,
         s.has_block_num and s.query is null as is_repairable
    into v_entry
    from ampsync_private.ledger l
    join ampsync_private.stream s using (stream_id)
   where l.stream_id = p_stream_id
     and l.row_count > 0
   order by l.last_block desc
   limit 1;
  if not found then
    return;
  end if;

  -- Written out for each identity: the calls of in_blocks would cost each commit more than the probe.
  if v_entry.identity = 'content' then
    execute format('select true from %s t where t._id >= $1 and t._id < $2 order by t._id limit 1', v_entry.target)
       into v_filled
      using ampsync_private.block_prefix(v_entry.first_block), ampsync_private.block_prefix(v_entry.last_block + 1);
  else
    execute format('select true from %s t where t._block_num_end >= $1 and t._block_num_end < $2 '
                   'order by t._block_num_end limit 1', v_entry.target)
       into v_filled
      using v_entry.first_block, v_entry.last_block + 1;
  end if;
  if v_filled is null then
    raise exception using
      errcode = 'SY201',
      message = format('table %s was emptied: it has no row of blocks %s to %s, for which %s were loaded',
                       v_entry.target, v_entry.first_block, v_entry.last_block, v_entry.row_count),
      detail  = 'Nothing was written.' || case when v_entry.is_repairable
                  then format(' If only these blocks are missing: '
                              'select ampsync.repair(%1$L, %2$L, %3$s, %4$s); select ampsync.resume_sync(%1$L);',
                              ampsync_private.stream_label(p_stream_id), v_entry.table_name,
                              v_entry.first_block, v_entry.last_block) else '' end,
      hint    = format('select ampsync.resync(%L, %L);', ampsync_private.stream_label(p_stream_id), v_entry.table_name);
  end if;
end;
$$;

comment on function ampsync_private.check_target_filled(bigint)
  is 'Raise SY201 if the newest blocks that must have rows have none.';
