-- Makes on the shadows of an upgrade the indexes and constraints of the targets that they are going
-- to replace, before the swap, at which readers would wait for it. Returns how many were made,
-- and queues the next step then: the shadows may have fallen behind meanwhile. Null while another
-- session does it, or if a user decides about the dataset, before or meanwhile. Nothing is done
-- unless all shadows are at the head.
--
-- It may take long, and decisions about the dataset do not wait for it: its row stays unlocked.
-- A pause, drop_sync, and whoever drops a shadow end it.
--
-- Idempotent. Locks: the dataset's swaps (enter_swap); an advisory lock; the tables of the shadows
-- (share; access exclusive for constraints), at most 5 s of waiting for each; rows of
-- graphile_worker.
create or replace function ampsync_worker.build_indexes(
  p_dataset_id bigint
)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_count integer;
begin
  if not ampsync_private.enter_swap(p_dataset_id)
     or not pg_try_advisory_xact_lock(hashtextextended('ampsync.build:' || p_dataset_id, 0)) then
    return null;
  elsif ampsync_private.upgrade_step(p_dataset_id) is distinct from 'freeze' then
    return 0;
  end if;

  begin
    select coalesce(sum(ampsync_private.copy_indexes(s.target, w.target)
                        + ampsync_private.copy_checks(s.target, w.target)), 0) into v_count
      from ampsync_private.stream s
      join ampsync_private.stream w on w.shadow_of = s.stream_id and w.state <> 'former'
     where s.dataset_id = p_dataset_id
       and not ampsync_private.has_columns(s, w.has_block_num, w.columns);
  exception
    when internal_error or undefined_table or sqlstate 'SY201' then -- "could not open relation with OID"
      if ampsync_private.upgrade_step(p_dataset_id) is not distinct from 'freeze' then
        raise;
      end if;
      return null; -- A table was dropped under it, or exchanged, because there is something else to do by now.
  end;
  if v_count > 0 then
    perform ampsync_private.schedule_upgrade(p_dataset_id);
  end if;
  return v_count;
end;
$$;

comment on function ampsync_worker.build_indexes(bigint)
  is 'Make on the shadows of an upgrade the indexes and constraints of their targets; returns how many.';
