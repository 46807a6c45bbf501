-- The first change, in the order of the log, on which the filter of a shape fails: found by halves, first its entry and
-- then its place there. The caller has seen that there is one.
create or replace function ampsync_private.first_failing(
  in  p_shape   ampsync_private.shape,
  in  p_table   ampsync_private.published,
  in  p_after   bigint,
  in  p_upto    bigint,
  in  p_settled bigint,
  in  p_visible pg_snapshot,
  out "position" bigint,
  out seq       integer,
  out key       text,
  out code      text
)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_low    bigint := coalesce(p_after, 0); -- None fails up to here.
  v_high   bigint := p_upto; -- One fails up to here.
  v_middle bigint;
begin
  while v_high - v_low > 1 loop
    v_middle := (v_low + v_high) / 2;
    begin
      perform from ampsync_private.judge_changes(p_shape, p_table, v_low, v_middle, p_settled, p_visible);
      v_low := v_middle;
    exception
      when others then
        if not ampsync_private.is_error_of_row(sqlstate) then
          raise;
        end if;
        v_high := v_middle;
    end;
  end loop;

  "position" := v_high;
  v_low := -1;
  select max(c.seq) into v_high
    from ampsync_private.change_tx t
    join ampsync_private.change c using (tx_id)
   where t.position = first_failing.position;
  while v_high - v_low > 1 loop
    v_middle := (v_low + v_high) / 2;
    begin
      perform from ampsync_private.judge_changes(p_shape, p_table, null, first_failing.position, null, null,
                                                 first_failing.position, v_low::integer + 1, v_middle::integer);
      v_low := v_middle;
    exception
      when others then
        v_high := v_middle;
    end;
  end loop;

  seq := v_high;
  select c.key into key
    from ampsync_private.change_tx t
    join ampsync_private.change c using (tx_id)
   where t.position = first_failing.position
     and c.seq = first_failing.seq;
  begin
    perform from ampsync_private.judge_changes(p_shape, p_table, null, first_failing.position, null, null,
                                               first_failing.position, first_failing.seq, first_failing.seq);
  exception
    when others then
      code := sqlstate;
  end;
end;
$$;

comment on function ampsync_private.first_failing(
  ampsync_private.shape, ampsync_private.published, bigint, bigint, bigint, pg_snapshot
)
  is 'The first change of the log on which the filter of a shape fails.';
