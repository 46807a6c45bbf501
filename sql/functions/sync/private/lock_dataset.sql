-- Locks the row of a dataset, before a decision about it as a whole. Whoever holds it longer
-- than 5 s is most often the swap of all its tables at the end of an upgrade; a decision that is
-- to take effect all the same calls close_swaps instead.
--
-- Locks: dataset row.
create or replace function ampsync_private.lock_dataset(
  p_dataset_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
begin
  perform 1
     from ampsync_private.dataset d
    where d.dataset_id = p_dataset_id
      for no key update;
exception
  when lock_not_available then
    perform ampsync_private.raise_deciding(p_dataset_id);
end;
$$;

comment on function ampsync_private.lock_dataset(bigint)
  is 'Lock the row of a dataset; 55P03 after 5 s.';
