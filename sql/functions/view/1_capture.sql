-- One row: how the capture of tables from WAL is doing. State and reason are those of the supervisor's last
-- look; where no worker is alive, nobody looks.
create or replace view ampsync.capture as
select coalesce(c.mode, 'stream') as mode,
       case when z.is_new then 'starting'
            when (z.is_alone or z.is_unseen) and c.state = 'ok' then 'behind'
            else coalesce(c.state, 'off') end as state,
       c.since,
       case when z.is_alone and s.wal_status = 'lost'
            then 'no worker is alive, and the server has given up the slot: the next one begins behind a gap'
            when z.is_alone and pg_catalog.current_setting('max_slot_wal_keep_size') = '-1'
            then 'no worker is alive: changes stay in WAL, of which the server has no limit'
            when z.is_alone then 'no worker is alive: changes stay in WAL'
            when z.is_new then 'the slot is to be made by a worker'
            when z.is_unseen then 'no supervisor could look since ' || date_trunc('second', c.sampled_at)
            else c.reason end as reason,
       case when z.is_alone then ampsync_private.idle_hint(false)
            when z.is_new then 'select * from ampsync.jobs;'
            when z.is_unseen then 'select * from ampsync.doctor(); -- A transaction may hold it.'
            else c.hint end as hint,
       c.slot,
       s.active_pid,
       c.worker_id as worker,
       c.received_lsn,
       greatest(c.end_lsn, c.idle_lsn) as stored_lsn,
       s.confirmed_flush_lsn as acknowledged_lsn,
       case when s.slot_name is not null and not z.in_recovery
            then greatest(0, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(),
                                                        s.confirmed_flush_lsn))::bigint end as bytes_behind,
       case when s.slot_name is null or c.state in ('off', 'starting') then null
            when c.beat_sent_at > coalesce(c.beat_seen_at, '-infinity')
              or c.beat_sent_at < ampsync_private.now() - interval '10 s' -- Two are missing: nobody sends any.
            then ampsync_private.now() - c.beat_sent_at
            else interval '0' end as lag,
       c.tx_per_s as transactions_per_s,
       c.stored_tx as transactions,
       c.replayed_tx as replayed,
       case when not z.in_recovery
            then pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(),
                                            s.restart_lsn)::bigint end as wal_retained,
       c.held_by as wal_retained_by,
       c.wal_limit,
       case when c.wal_per_s > 0 and s.slot_name is not null and not z.in_recovery
            then pg_catalog.make_interval(secs => least(1e8, greatest(0,
                   c.wal_limit - pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), s.restart_lsn))
                   / c.wal_per_s)) end as time_to_limit,
       c.error ->> 'code' as error_code,
       c.error ->> 'message' as error,
       c.next_retry
  from (select 1) one
  left join ampsync_private.capture c on true
  left join pg_catalog.pg_replication_slots s on s.slot_name = c.slot and s.database = pg_catalog.current_database()
 cross join (
    select exists (select 1
                     from ampsync_private.published p
                    where p.mode = 'rows' and p.state <> 'ended') as is_used) u
 cross join lateral (
    select pg_catalog.pg_is_in_recovery() as in_recovery,
           u.is_used and coalesce(c.state, 'off') = 'off' as is_new, -- The supervisor has not looked yet.
           u.is_used and c.sampled_at < ampsync_private.now() - interval '30 s' as is_unseen,
           u.is_used and coalesce(c.state, 'off') <> 'failed'
           and not exists (select 1
                             from ampsync_private.worker w
                            where w.heartbeat_at > ampsync_private.now() - ampsync_private.lease_duration()
                              and w.lost_at is null) as is_alone) z;

comment on view ampsync.capture
  is 'How the capture of tables from WAL is doing: one row, also where nothing is captured.';
comment on column ampsync.capture.mode is 'stream: over a replication connection; poll: by ordinary ones.';
comment on column ampsync.capture.state is 'off, starting, ok, behind or failed.';
comment on column ampsync.capture.since is 'When it entered this state.';
comment on column ampsync.capture.reason
  is 'Why it is in this state; stalled: nothing moves. In state ok what may become a trouble.';
comment on column ampsync.capture.hint is 'What to do.';
comment on column ampsync.capture.slot is 'Replication slot of this database.';
comment on column ampsync.capture.active_pid is 'Server process that reads the slot; null: nobody does.';
comment on column ampsync.capture.worker is 'Worker that captured last.';
comment on column ampsync.capture.received_lsn is 'How far it has received WAL.';
comment on column ampsync.capture.stored_lsn is 'All below it is in the log.';
comment on column ampsync.capture.acknowledged_lsn
  is 'All below it is told to the server as stored, which may remove it.';
comment on column ampsync.capture.bytes_behind is 'WAL that is not acknowledged.';
comment on column ampsync.capture.lag
  is 'Age of the beat that is out, or of the last one where no more are sent; zero while none is out, '
     'null while capture is off or starting.';
comment on column ampsync.capture.transactions_per_s is 'Transactions stored per second, between the last two looks.';
comment on column ampsync.capture.transactions is 'Transactions stored.';
comment on column ampsync.capture.replayed is 'Transactions that the server sent again, and that were dropped.';
comment on column ampsync.capture.wal_retained is 'Bytes of WAL that the slot keeps.';
comment on column ampsync.capture.wal_retained_by is 'Because of what.';
comment on column ampsync.capture.wal_limit
  is 'Bytes at which the slot is dropped, or at twice as much for a transaction of others that is open; null: none.';
comment on column ampsync.capture.time_to_limit is 'How long until then at the present rate of WAL.';
comment on column ampsync.capture.error_code is 'SQLSTATE of the last error.';
comment on column ampsync.capture.error is 'The last error; null since something was stored.';
comment on column ampsync.capture.next_retry is 'When it is tried again.';
