-- Shortens times that lie further ahead than they can: the clock was set back, and a worker
-- that died would otherwise keep its leases for as long. Such a lease is not taken over on
-- sight, because those of living workers lie ahead too; their holders renew them within
-- seconds. Pauses between two attempts, of at most 15 minutes, end immediately.
--
-- An HTTP source may rest for any time: until its next run, or as long as its API says. That is over, and the next
-- run due, only where a pass of it took its lease, or committed, later than now; other rests are moved (move_rests).
--
-- The clock is read once per statement, not once per row.
--
-- Locks: as move_rests; those rows of leases, workers, heads, streams, datasets, repairs and indexes, but none that
-- somebody holds: it is left to the next run; then as shorten_limits.
create or replace function ampsync_private.shorten_times()
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select ampsync_private.move_rests();

  update ampsync_private.lease l
     set lease_until = ampsync_private.now() + ampsync_private.lease_duration()
   where l.stream_id in (
           select o.stream_id
             from ampsync_private.lease o
            where o.lease_until > (select ampsync_private.now()) + ampsync_private.lease_duration() + interval '1 s'
              for no key update skip locked);

  update ampsync_private.worker w
     set heartbeat_at = ampsync_private.now()
   where w.worker_id in (
           select o.worker_id
             from ampsync_private.worker o
            where o.heartbeat_at > (select ampsync_private.now()) + interval '1 s'
              for no key update skip locked);

  update ampsync_private.head d
     set reported_at = ampsync_private.now() - ampsync_private.lease_duration()
   where (d.dataset_id, d.network) in (
           select o.dataset_id, o.network
             from ampsync_private.head o
            where o.reported_at > (select ampsync_private.now()) + interval '1 s'
              for no key update skip locked);

  update ampsync_private.stream s
     set next_retry = case when s.next_retry is not null then least(s.next_retry, ampsync_private.now()) end,
         swap_retry = case when s.swap_retry is not null then least(s.swap_retry, ampsync_private.now()) end,
         run_due    = case when s.run_due is not null then least(s.run_due, ampsync_private.now()) end
   where s.stream_id in (
           select w.stream_id
             from ampsync_private.stream w
             join ampsync_private.dataset d using (dataset_id)
            where greatest(w.next_retry, w.swap_retry) > (select ampsync_private.now()) + interval '20 min'
              and (d.kind = 'amp'
                   or (select greatest(l.acquired_at, w.committed_at)
                         from ampsync_private.lease l
                        where l.stream_id = w.stream_id) > (select ampsync_private.now()) + interval '1 s')
              for no key update of w skip locked);

  update ampsync_private.dataset d
     set next_retry = ampsync_private.now()
   where d.dataset_id in (
           select o.dataset_id
             from ampsync_private.dataset o
            where o.next_retry > (select ampsync_private.now()) + interval '20 min'
              for no key update skip locked);

  update ampsync_private.repair r
     set due_at = ampsync_private.now()
   where (r.stream_id, r.first_block) in (
           select o.stream_id, o.first_block
             from ampsync_private.repair o
            where o.due_at > (select ampsync_private.now()) + interval '20 min'
              for no key update skip locked);

  update ampsync_private.target_index t
     set next_retry = ampsync_private.now()
   where (t.stream_id, t.method, t.columns, t.options) in (
           select o.stream_id, o.method, o.columns, o.options
             from ampsync_private.target_index o
            where o.next_retry > (select ampsync_private.now()) + interval '20 min'
              for no key update skip locked);

  select ampsync_private.shorten_limits();
$$;

comment on function ampsync_private.shorten_times()
  is 'Shorten leases and pauses that became too long because the clock was set back.';
