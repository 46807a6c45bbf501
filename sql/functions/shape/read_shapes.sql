-- What the changes of captured tables after one position of the log and up to another mean to shapes: in the order of
-- the log a row for each change and shape that had or has the row, and for each TRUNCATE of a shape's table.
--
-- was, is    the key of the instance that the row was in, and that it is in now; null: in none
-- key        of the row, as the log has it; null for truncate
-- data       the row, a JSON object of texts, with the columns of the shape; null where it is in no instance
-- unchanged  columns that data lacks, since they did not change and the log does not have them; null: the row is whole
--
-- p_settled, p_visible  of a snapshot: only what it does not hold, which joins it to the log. Above `settled` that is
--            every entry, at or below it those whose transaction was not visible to the snapshot, wherever they stand:
--            an entry can be read from WAL before its transaction is visible, so positions alone do not tell
-- p_after    null: from the lowest one on
--
-- Of a shape whose filter fails on a row the last row here has operation `failed`, the key of that row and the SQLSTATE
-- as data (ampsync_worker.fail_shape). Shapes of datasets, and failed ones, have none.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_worker.read_shapes(
  p_shapes  integer[],
  p_after   bigint,
  p_upto    bigint,
  p_settled bigint default null,
  p_visible pg_snapshot default null
)
  returns table (
    "position" bigint, seq integer, shape_id integer, operation text, was text, "is" text, key text, data text,
    unchanged text[]
  )
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set jit = off
  set "TimeZone" = 'UTC'
  set "DateStyle" = 'ISO, MDY'
  set "IntervalStyle" = 'postgres'
  set bytea_output = 'hex'
  set extra_float_digits = 1
as $$
#variable_conflict use_column
begin
  return query
    select j.*
      from unnest(p_shapes) s(shape_id)
     cross join lateral ampsync_private.judge_shape(s.shape_id, p_after, p_upto, p_settled, p_visible) j
     order by j.position, j.seq, j.shape_id;
end;
$$;

comment on function ampsync_worker.read_shapes(integer[], bigint, bigint, bigint, pg_snapshot)
  is 'What changes of the log mean to shapes: which rows were and are in which instances.';
