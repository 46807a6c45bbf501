-- Refuses, with SY406, a position at which a table cannot be rebuilt: below its newest floor or TRUNCATE, below what
-- is kept of the log, or above the head. To be asked once the table is held still.
create or replace function ampsync_private.check_in_history(
  p_table    ampsync_private.published,
  p_position bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := format('%I.%I', p_table.schema_name, p_table.table_name);
  v_from bigint;
  v_at   timestamptz;
  v_head bigint := ampsync_private.log_head();
begin
  select greatest(p.rebuildable_from, (select c.log_floor from ampsync_private.capture c)) into v_from
    from ampsync_private.published p
   where p.published_id = p_table.published_id;
  if p_position is null or p_position < v_from then
    select t.recorded_at into v_at from ampsync_private.change_tx t where t.position = v_from;
    perform ampsync_private.raise_not_in_history(
              format('%s cannot be rebuilt at position %s', v_name, coalesce(p_position::text, 'null')),
              format('It can from position %s%s on: its history begins there, anew after a gap, a TRUNCATE or a change '
                     'of its columns, or what was before is not kept. What the log has of single rows is in '
                     'ampsync.row_history and ampsync.change_history.', v_from, ', ' || v_at),
              format('select * from ampsync.table_as_of(%L, %s) as t(row_then jsonb);', v_name, v_from));
  elsif p_position > v_head then
    perform ampsync_private.raise_not_in_history(
              format('position %s is above the head of the log', p_position), format('The head is %s.', v_head),
              format('select * from ampsync.table_as_of(%L, %s) as t(row_then jsonb);', v_name, v_head));
  end if;
end;
$$;

comment on function ampsync_private.check_in_history(ampsync_private.published, bigint)
  is 'Refuse a position at which a table cannot be rebuilt.';
