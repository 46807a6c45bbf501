-- Removes rows that passes which died stored ahead of a transaction: 10,000 at most. Nobody reads them, for no entry
-- names them. Returns whether there may be more: call it again, each time in a transaction of its own.
--
-- Locks: the row of capture, once one of them is gone.
create or replace function ampsync_worker.remove_leftover()
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_tx_id   bigint := (select c.leftover[1] from ampsync_private.capture c);
  v_removed bigint;
begin
  if v_tx_id is null then
    return false;
  end if;
  delete from ampsync_private.change c
   where c.tx_id = v_tx_id
     and c.seq in (select o.seq from ampsync_private.change o where o.tx_id = v_tx_id order by o.seq limit 10000);
  get diagnostics v_removed = row_count;
  if v_removed < 10000 then
    update ampsync_private.capture c
       set leftover = array_remove(c.leftover, v_tx_id);
  end if;
  return true;
end;
$$;

comment on function ampsync_worker.remove_leftover()
  is 'Remove rows of captured transactions that belong to no entry; whether there may be more.';
