-- Declares that this transaction works for a swap of a dataset, so that a decision of a user can
-- end it; false while such a decision is being made. Waits for nobody. Whoever has entered must
-- not wait for the row of the dataset: take it before.
--
-- Locks: advisory lock of the dataset's swaps (shared).
create or replace function ampsync_private.enter_swap(
  p_dataset_id bigint
)
  returns boolean
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select pg_try_advisory_xact_lock_shared(ampsync_private.swap_key(p_dataset_id));
$$;

comment on function ampsync_private.enter_swap(bigint)
  is 'Declare that this transaction works for a swap of a dataset; false while a user decides about it.';
