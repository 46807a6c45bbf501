-- Lets the windows of shapes with `keep_blocks` follow the newest blocks: each begins where it shall once that is more
-- than a 50th of it above where it began, so that clients delete in lumps. Where the newest block lies below a window,
-- the chain was begun anew: so is the window, and its clients load the shape anew. Returns how many were moved.
--
-- Nobody's window goes back otherwise, so it is on disk before anybody sees it.
--
-- p_shapes  null: all
--
-- Called by the pump of each gateway before a run, in a transaction of its own, and by the supervisor. Waits for
-- nobody. Locks: rows of shapes that are free.
create or replace function ampsync_worker.raise_low(
  p_shapes integer[] default null
)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_shape ampsync_private.shape;
  v_due   record;
  v_moved integer := 0;
begin
  for v_due in
    select s.shape_id, t.checkpoint_block < s.low as has_begun, ampsync_private.window_start(p, s.keep_blocks) as low
      from ampsync_private.shape s
      join ampsync_private.published p using (published_id)
      join ampsync_private.stream t using (stream_id)
     where s.keep_blocks is not null
       and (p_shapes is null or s.shape_id = any (p_shapes))
       and (t.checkpoint_block - s.keep_blocks > coalesce(s.low, 0) + s.keep_blocks / 50
            or t.checkpoint_block < s.low)
     order by s.shape_id
       for no key update of s skip locked
  loop
    perform ampsync_private.commit_durably();
    update ampsync_private.shape s
       set low = v_due.low
     where s.shape_id = v_due.shape_id
    returning s.* into v_shape;
    if v_due.has_begun then
      v_shape.renewed := v_shape.renewed + 1;
      update ampsync_private.shape s
         set renewed    = v_shape.renewed,
             definition = ampsync_private.shape_definition(v_shape)
       where s.shape_id = v_due.shape_id;
    end if;
    v_moved := v_moved + 1;
  end loop;
  return v_moved;
end;
$$;

comment on function ampsync_worker.raise_low(integer[])
  is 'Let the windows of shapes with keep_blocks follow the newest blocks.';
