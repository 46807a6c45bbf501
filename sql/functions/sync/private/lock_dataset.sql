-- Locks the row of a dataset, before a decision about it as a whole. Whoever holds it longer
-- than 5 s is most often the swap of all its tables at the end of an upgrade.
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
    raise exception using
      errcode = '55P03',
      message = (select format('another transaction is deciding about %s', d.label)
                   from ampsync_private.dataset d where d.dataset_id = p_dataset_id),
      detail  = coalesce((select string_agg(distinct format('Backend %s of role %s, since %s: %s',
                                                            a.pid, a.usename, a.xact_start, left(a.query, 200)), E'\n')
                            from ampsync_private.stream s
                            join ampsync_private.lease l using (stream_id)
                           cross join lateral ampsync_private.fence_holders(l.stream_id, l.epoch) f
                            join pg_stat_activity a using (pid)
                           where s.dataset_id = p_dataset_id and f.mode = 'ExclusiveLock'),
                         'Nothing was changed: its row is locked.'),
      hint    = 'Nothing was changed. Try again once that transaction is over; a swap of large tables takes minutes: '
                'select * from ampsync.jobs where task in (''ampsync_swap'', ''ampsync_upgrade'');';
end;
$$;

comment on function ampsync_private.lock_dataset(bigint)
  is 'Lock the row of a dataset; 55P03 after 5 s.';
