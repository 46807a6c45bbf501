-- Ends whoever works for a swap of a dataset, or only those who hold a lock on one table. It
-- leaves everything as it was, and is done again by its job once that is due. A backend that
-- this role may not end is left alone.
--
-- Locks: none.
create or replace function ampsync_private.end_swaps(
  p_dataset_id bigint,
  p_table      regclass default null
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_terminate_backend(h.pid)
     from ampsync_private.lock_holders(ampsync_private.swap_key(p_dataset_id)) h
    where h.mode = 'ShareLock' and h.is_ours and h.is_mortal
      and h.pid <> pg_backend_pid()
      and (p_table is null
           or exists (select from pg_locks l
                       where l.pid = h.pid and l.locktype = 'relation' and l.relation = p_table
                         and l.database = (select d.oid from pg_database d where d.datname = current_database())));
end;
$$;

comment on function ampsync_private.end_swaps(bigint, regclass)
  is 'End whoever works for a swap of a dataset.';
