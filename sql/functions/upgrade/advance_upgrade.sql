-- Moves the upgrade of a dataset on by one step (upgrade_step), in one transaction, and returns
-- which one; null if there was nothing to do. After `freeze` another call may be able to swap. The
-- indexes of the shadows are made before (build_indexes).
--
-- A crash at any point leaves everything as it was before the step, and the supervisor queues
-- the job again.
--
-- A decision of a user ends a swap (close_swaps).
--
-- Locks: dataset row; for a swap that of the dataset's swaps (enter_swap); then as the step.
create or replace function ampsync_worker.advance_upgrade(
  p_dataset_id bigint
)
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_step text;
begin
  perform ampsync_private.lock_dataset(p_dataset_id);
  v_step := ampsync_private.upgrade_step(p_dataset_id);
  case v_step
    when 'extend' then perform ampsync_private.build_beside(p_dataset_id);
    when 'freeze' then perform ampsync_private.freeze_streams(p_dataset_id);
    when 'swap' then
      if not ampsync_private.enter_swap(p_dataset_id) or not ampsync_private.swap_streams(p_dataset_id) then
        v_step := null;
      end if;
    when 'thaw' then perform ampsync_private.thaw_streams(p_dataset_id);
    else null;
  end case;

  if exists (select 1
               from ampsync_private.upgrade u
              where u.dataset_id = p_dataset_id and u.frozen_at is not null) then
    perform ampsync_private.schedule_upgrade(p_dataset_id, ampsync_private.now() + interval '1 s');
  end if;
  return v_step;
end;
$$;

comment on function ampsync_worker.advance_upgrade(bigint)
  is 'Move the upgrade of a dataset on by one step; returns which one.';
