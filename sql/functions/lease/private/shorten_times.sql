-- Shortens times that lie further ahead than they can: the clock was set back, and a worker
-- that died would otherwise keep its leases for as long. Such a lease is not taken over on
-- sight, because those of living workers lie ahead too; their holders renew them within
-- seconds. Pauses between two attempts, of at most 15 minutes, end immediately.
--
-- The clock is read once per statement, not once per row.
--
-- Locks: those rows of leases, workers, heads, streams, datasets, repairs and indexes.
create or replace function ampsync_private.shorten_times()
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  update ampsync_private.lease l
     set lease_until = ampsync_private.now() + ampsync_private.lease_duration()
   where l.lease_until > (select ampsync_private.now()) + ampsync_private.lease_duration() + interval '1 s';

  update ampsync_private.worker w
     set heartbeat_at = ampsync_private.now()
   where w.heartbeat_at > (select ampsync_private.now()) + interval '1 s';

  update ampsync_private.head d
     set reported_at = ampsync_private.now() - ampsync_private.lease_duration()
   where d.reported_at > (select ampsync_private.now()) + interval '1 s';

  update ampsync_private.stream s
     set next_retry = case when s.next_retry is not null then least(s.next_retry, ampsync_private.now()) end,
         swap_retry = case when s.swap_retry is not null then least(s.swap_retry, ampsync_private.now()) end
   where greatest(s.next_retry, s.swap_retry) > (select ampsync_private.now()) + interval '20 min';

  update ampsync_private.dataset d
     set next_retry = ampsync_private.now()
   where d.next_retry > (select ampsync_private.now()) + interval '20 min';

  update ampsync_private.repair r
     set due_at = ampsync_private.now()
   where r.due_at > (select ampsync_private.now()) + interval '20 min';

  update ampsync_private.target_index t
     set next_retry = ampsync_private.now()
   where t.next_retry > (select ampsync_private.now()) + interval '20 min';
$$;

comment on function ampsync_private.shorten_times()
  is 'Shorten leases and pauses that became too long because the clock was set back.';
