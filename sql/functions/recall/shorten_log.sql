-- Takes a step towards a log that keeps no more than `history_retention` says: raises its floor, then removes entries
-- below it, 10,000 at most, then rows that no entry names. Nothing is removed that a client seen within 7 days has not
-- read yet.
--
-- The floor is raised first, in a transaction of its own: whoever asks for what lies below is refused before it is
-- gone.
--
-- more       there may be more: call it again, each time in a transaction of its own
-- statement  to be run before, by itself: removes a partition of rows. Detached concurrently, since a plain drop
--            would wait for every reader, and stop those behind it. Null where our role is not the owner: then its
--            rows are deleted here
--
-- Locks: the row of capture, rows of published.
create or replace function ampsync_worker.shorten_log(
  out more      boolean,
  out statement text
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_capture   ampsync_private.capture;
  v_floor     bigint;
  v_removed   bigint;
  v_lowest    bigint;
  v_partition record;
begin
  more := false;
  select * into v_capture from ampsync_private.capture c;
  v_floor := ampsync_private.wanted_log_floor(v_capture.history_retention);
  if v_floor > v_capture.log_floor then
    perform ampsync_private.raise_log_floor(v_floor);
    more := true;
    return;
  elsif v_capture.log_floor = 0 then -- Nothing was ever removed, or there is no log.
    return;
  end if;

  with gone as (
    delete from ampsync_private.change_tx t
     where t.position in (select o.position from ampsync_private.change_tx o
                           where o.position <= v_capture.log_floor
                           order by o.position
                           limit 10000)
    returning t.position
  ), blocks as (
    delete from ampsync_private.change_block b
     using gone g
     where b.position = g.position
  )
  select count(*) into v_removed from gone g;
  if v_removed > 0 then
    more := true;
    return;
  end if;

  v_lowest := least((select min(t.tx_id) from ampsync_private.change_tx t), v_capture.large_tx,
                    (select min(l.tx_id) from unnest(v_capture.leftover) l(tx_id)),
                    (select s.last_value from ampsync_private.tx_id s));
  select c.oid::regclass as name, i.inhrelid is not null as is_attached,
         coalesce(i.inhdetachpending, false) as is_pending, pg_has_role(c.relowner, 'usage') as is_ours
    into v_partition
    from pg_class c
    left join pg_inherits i on i.inhrelid = c.oid
   where c.relnamespace = 'ampsync_private'::regnamespace
     and c.relkind = 'r'
     and c.relname ~ '^change_[0-9]+$'
     and (split_part(c.relname, '_', 2)::bigint + 1) * 1000000 <= v_lowest
   order by split_part(c.relname, '_', 2)::bigint
   limit 1;
  if v_partition.name is null then
    return;
  end if;

  if v_partition.is_ours then
    more := true;
    statement := case when v_partition.is_pending
                        then format('alter table ampsync_private.change detach partition %s finalize', v_partition.name)
                      when v_partition.is_attached
                        then format('alter table ampsync_private.change detach partition %s concurrently',
                                    v_partition.name)
                      else format('drop table %s', v_partition.name) end;
    return;
  end if;
  execute format('delete from %1$s c where c.ctid = any (array(select o.ctid from %1$s o limit 10000))',
                 v_partition.name);
  get diagnostics v_removed = row_count;
  more := v_removed > 0;
end;
$$;

comment on function ampsync_worker.shorten_log()
  is 'A step towards a log that keeps no more than it shall; whether there is more, and a statement to be run before.';
