-- Deletes the rows of a target from one block on and below another; returns their number. Fails
-- if any row is left, which a trigger or a rule can cause: two forks would stand in the table.
-- Where there is neither, of the table or of a part of it, nobody looks: that would take a third
-- of the time, and none can come while the caller holds its lock on the target (lock_target, which
-- also proved whose table it is).
--
-- The index of block_key serves this. The upper bound makes the planner use it even if the table
-- was never analyzed. No bitmap: only a plain scan marks the entries of rows that are gone, and
-- where reorg follows reorg the next one would visit them all.
--
-- Locks: target rows.
create or replace function ampsync_private.delete_rows(
  p_target   regclass,
  p_identity text,
  p_from     bigint,
  p_below    bigint
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set enable_bitmapscan = off
  set jit = off
as $$
declare
  v_rows    constant text := ampsync_private.in_blocks(p_identity, '$1', '$2');
  v_deleted bigint;
  v_is_left boolean;
begin
  execute format('delete from %s t where %s', p_target, v_rows)
    using p_from, p_below;
  get diagnostics v_deleted = row_count;

  perform 1
     from pg_class c
    where c.oid = p_target
      and (c.relhastriggers or c.relhasrules or c.relhassubclass);
  if found then
    execute format('select exists (select 1 from %s t where %s)', p_target, v_rows)
       into v_is_left
      using p_from, p_below;
    if v_is_left then
      call ampsync_private.raise_rows_kept(p_target);
    end if;
  end if;
  return v_deleted;
end;
$$;

comment on function ampsync_private.delete_rows(regclass, text, bigint, bigint)
  is 'Delete a range of blocks from a target; SY201 if rows are left.';
