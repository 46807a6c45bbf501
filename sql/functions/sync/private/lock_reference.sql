-- The synced dataset that a reference means, with its row locked: SY003 as well if it was dropped
-- while this call waited for the row. If it was enqueued again by then, that is the one.
--
-- Locks: dataset row.
create or replace function ampsync_private.lock_reference(
  p_reference text
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset_id bigint := ampsync_private.find_dataset(p_reference);
  v_locked_id  bigint;
begin
  while v_dataset_id is distinct from v_locked_id loop
    perform ampsync_private.lock_dataset(v_dataset_id);
    v_locked_id := v_dataset_id;
    v_dataset_id := ampsync_private.find_dataset(p_reference);
  end loop;
  return v_dataset_id;
end;
$$;

comment on function ampsync_private.lock_reference(text)
  is 'Lock the row of the synced dataset that a reference means; SY003 also if it was dropped meanwhile.';
