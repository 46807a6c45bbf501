-- Raises 55P03 for a call that did not get the row of a dataset: who has it, as far as that can
-- be known, since when, and for what that backend waits itself.
create or replace function ampsync_private.raise_deciding(
  p_dataset_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_label text;
  v_swap  record;
  v_other text;
begin
  select d.label into v_label
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id;
  select a.pid, a.xact_start, array_to_string(pg_blocking_pids(a.pid), ', ') as waits_for into v_swap
    from ampsync_private.lock_holders(ampsync_private.swap_key(p_dataset_id)) h
    join pg_stat_activity a using (pid)
   where h.mode = 'ShareLock'
   order by a.xact_start
   limit 1;

  v_other := ampsync_private.describe_backends(array(
    select h.pid
      from ampsync_private.lock_holders(ampsync_private.swap_key(p_dataset_id)) h
    union
    select f.pid
      from ampsync_private.stream s
      join ampsync_private.lease l using (stream_id)
     cross join lateral ampsync_private.fence_holders(l.stream_id, l.epoch) f
     where s.dataset_id = p_dataset_id and f.mode = 'ExclusiveLock'));

  raise exception using
    errcode = '55P03',
    message = format('another transaction is deciding about %s', v_label),
    detail  = coalesce(v_other, 'Nothing was changed: its row is locked.'),
    hint    = case when v_swap.pid is null
                   then 'Nothing was changed. Try again once that transaction is over.'
                   else format('Nothing was changed. A swap has run since %s (backend %s%s), and large tables take '
                               'minutes. Try again once it is over, or end it: select ampsync.pause_sync(%L); '
                               '-- it is done again after ampsync.resume_sync',
                               v_swap.xact_start, v_swap.pid,
                               coalesce(', which waits for backend ' || nullif(v_swap.waits_for, ''), ''),
                               v_label) end;
end;
$$;

comment on function ampsync_private.raise_deciding(bigint)
  is 'Raise 55P03 for a call that did not get the row of a dataset, with who has it and since when.';
