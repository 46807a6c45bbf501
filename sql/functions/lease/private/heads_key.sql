-- The advisory lock below which a dataset and its heads are deleted. Heartbeats try it in
-- shared mode, and leave out the heads of a dataset that is being deleted: they wait for
-- nobody, not even for a transaction that stays open.
create or replace function ampsync_private.heads_key(
  p_dataset_id bigint
)
  returns bigint
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return hashtextextended('ampsync.heads:' || p_dataset_id, 0);
end;
$$;

comment on function ampsync_private.heads_key(bigint)
  is 'Key of the advisory lock that a heartbeat tries before it records heads of a dataset.';
