-- Locks the row of a dataset for a decision that is to take effect immediately, and keeps swaps
-- of its tables away until this transaction ends: one under way is ended, because it may take
-- minutes, and is done again once it is due. Others who hold the row are waited for, 5 s at most.
--
-- Locks: dataset row, then the advisory lock of the dataset's swaps (exclusive).
create or replace function ampsync_private.close_swaps(
  p_dataset_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '1s'
as $$
begin
  for v_attempt in 1..5 loop -- One that waited for the row may have got it, and begun.
    begin
      perform ampsync_private.end_swaps(p_dataset_id);
      perform 1
         from ampsync_private.dataset d
        where d.dataset_id = p_dataset_id
          for no key update;
      perform ampsync_private.end_swaps(p_dataset_id);
      perform pg_advisory_xact_lock(ampsync_private.swap_key(p_dataset_id));
      return;
    exception
      when lock_not_available then
        if v_attempt = 5 then
          perform ampsync_private.raise_deciding(p_dataset_id);
        end if;
    end;
  end loop;
end;
$$;

comment on function ampsync_private.close_swaps(bigint)
  is 'Lock the row of a dataset, end swaps of its tables, and keep others from starting; 55P03 after 5 s.';
