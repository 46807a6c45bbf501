-- What judge_changes gives for a shape, in order. Where its filter fails on a row of the log: what stands before it,
-- then a row with operation `failed` in its place, `key` being that of the row and `data` the SQLSTATE, and nothing
-- more. Never what stood in the row: messages of PostgreSQL may name its values.
--
-- Rows at or below the floor of the table, and from before the shape was made, are no rows of it if its filter fails on
-- them.
create or replace function ampsync_private.judge_shape(
  p_shape_id integer,
  p_after    bigint,
  p_upto     bigint,
  p_settled  bigint default null,
  p_visible  pg_snapshot default null
)
  returns table (
    "position" bigint, seq integer, shape_id integer, operation text, was text, "is" text, key text, data text,
    unchanged text[]
  )
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_shape  ampsync_private.shape;
  v_table  ampsync_private.published;
  v_after  bigint := p_after;
  v_failed record; -- The first change that the filter fails on.
begin
  select * into v_shape from ampsync_private.shape s where s.shape_id = p_shape_id;
  select * into v_table
    from ampsync_private.published p
   where p.published_id = v_shape.published_id
     and p.mode = 'rows';
  if v_table.published_id is null or ampsync_private.shape_error(v_shape, v_table) is not null then
    return;
  end if;

  loop
    begin
      return query
        select j.position, j.seq, p_shape_id, j.operation, j.was, j.is, j.key, j.data, j.unchanged
          from ampsync_private.judge_changes(v_shape, v_table, v_after, p_upto, p_settled, p_visible) j;
      return;
    exception
      when others then
        if not ampsync_private.is_error_of_row(sqlstate) then
          raise;
        end if;
    end;

    v_failed := ampsync_private.first_failing(v_shape, v_table, v_after, p_upto, p_settled, p_visible);
    return query
      select j.position, j.seq, p_shape_id, j.operation, j.was, j.is, j.key, j.data, j.unchanged
        from ampsync_private.judge_changes(v_shape, v_table, v_after, v_failed.position - 1, p_settled, p_visible) j
      union all
      select j.position, j.seq, p_shape_id, j.operation, j.was, j.is, j.key, j.data, j.unchanged
        from ampsync_private.judge_changes(v_shape, v_table, null, v_failed.position, null, null, v_failed.position, 0,
                                           v_failed.seq - 1) j;
    if v_failed.position > greatest(v_shape.made_at, v_table.floor) then
      return query
        select v_failed.position, v_failed.seq, p_shape_id, 'failed', null::text, null::text, v_failed.key,
               v_failed.code, null::text[];
      return;
    end if;
    v_after := v_failed.position; -- What else is in that entry is older than the shape as well.
  end loop;
end;
$$;

comment on function ampsync_private.judge_shape(integer, bigint, bigint, bigint, pg_snapshot)
  is 'What changes of the log mean to a shape, in order, up to the first row that its filter fails on.';
