-- Deletes the rows of a target from one `_id` on and below another; returns their number. Fails
-- if any row is left, which a trigger or a rule can cause: two forks would stand in the table.
--
-- `_id` starts with the block, so the primary key is the index for this. The upper bound makes
-- the planner use it even if the table was never analyzed.
--
-- Locks: target rows.
create or replace function ampsync_private.delete_rows(
  p_target regclass,
  p_from   bytea,
  p_below  bytea
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_deleted bigint;
  v_is_left boolean;
begin
  execute format('delete from %s t where t._id >= $1 and t._id < $2', p_target)
    using p_from, p_below;
  get diagnostics v_deleted = row_count;

  execute format('select exists (select 1 from %s t where t._id >= $1 and t._id < $2)', p_target)
     into v_is_left
    using p_from, p_below;
  if v_is_left then
    call ampsync_private.raise_rows_kept(p_target);
  end if;
  return v_deleted;
end;
$$;

comment on function ampsync_private.delete_rows(regclass, bytea, bytea)
  is 'Delete a range of _id from a target; SY201 if rows are left.';
