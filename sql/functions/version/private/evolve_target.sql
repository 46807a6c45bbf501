-- Makes the target of a stream fit the planned columns. Returns null if it does, or what holds
-- its table, as lock_for_change does. SY201 if it cannot fit.
--
-- Locks: the target (access exclusive), if a statement is to be run, then the stream row.
create or replace function ampsync_private.evolve_target(
  p_stream_id     bigint,
  p_has_block_num boolean,
  p_columns       jsonb,
  p_attempt       integer
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_waits jsonb;
begin
  if not exists (select 1 from ampsync_private.plan_evolution(p_stream_id, p_has_block_num, p_columns)) then
    return null; -- As nearly always: each pass asks.
  end if;

  perform ampsync_private.check_evolution(p_stream_id, p_has_block_num, p_columns);

  select ampsync_private.lock_for_change(array_agg(s.target), p_attempt) into v_waits
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     and exists (select 1
                   from ampsync_private.plan_evolution(p_stream_id, p_has_block_num, p_columns) e
                  where e.ddl is not null);
  if v_waits is null then
    perform ampsync_private.apply_evolution(p_stream_id, p_has_block_num, p_columns);
  end if;
  return v_waits;
end;
$$;

comment on function ampsync_private.evolve_target(bigint, boolean, jsonb, integer)
  is 'Make a stream''s target fit the planned columns; returns what holds its table, SY201 if it cannot fit.';
