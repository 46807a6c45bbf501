-- The same as read_shapes for what a snapshot does not hold, which joins it to the log: above `settled` every entry,
-- at or below it those whose transaction was not visible to the snapshot, wherever they stand. An entry can be read
-- from WAL before its transaction is visible, so positions alone do not tell.
--
-- p_visible, p_settled  of the snapshot
-- p_after  only what stands above it: page after page. Null: from the lowest one on
create or replace function ampsync_worker.read_unseen(
  p_shapes  integer[],
  p_visible pg_snapshot,
  p_settled bigint,
  p_after   bigint,
  p_upto    bigint
)
  returns table (
    "position" bigint, seq integer, shape_id integer, operation text, was text, "is" text, key text, data text,
    unchanged text[]
  )
  language sql
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
  select j.*
    from unnest(p_shapes) s(shape_id)
   cross join lateral ampsync_private.judge_shape(s.shape_id, p_after, p_upto, p_settled, p_visible) j
   order by j.position, j.seq, j.shape_id;
$$;

comment on function ampsync_worker.read_unseen(integer[], pg_snapshot, bigint, bigint, bigint)
  is 'What the changes that a snapshot does not hold mean to shapes.';
