-- The advisory lock that whoever works for a swap of a dataset holds in shared mode: a swap
-- itself, and the build of indexes before it. It takes minutes, and can be done again; so a
-- decision of a user ends it, and requests the lock in exclusive mode (close_swaps).
create or replace function ampsync_private.swap_key(
  p_dataset_id bigint
)
  returns bigint
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select hashtextextended('ampsync.swap:' || p_dataset_id, 0);
$$;

comment on function ampsync_private.swap_key(bigint)
  is 'Key of the advisory lock held by whoever works for a swap of a dataset.';
