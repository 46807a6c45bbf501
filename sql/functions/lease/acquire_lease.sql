-- Takes a stream's lease for one worker and returns what a pass needs to know. No row: another
-- worker holds it, or has just won it, or this worker does not hold its lock (hold_worker_lock)
-- yet: others would think it dead. The next pass is then queued for a second later. A worker
-- that nobody registered may do without.
--
-- Runs in a transaction of its own, READ COMMITTED: checkpoint and history are read in a
-- separate statement after the lease row is locked, because the old holder may have committed
-- while this call waited (docs/adr/0005).
--
-- Taking over a lease that has expired, or whose holder is dead (worker_is_dead):
--   1 read the lease without a lock; still running: return
--   2 terminate the backends that hold the fence of the expired epoch. A client frozen in
--     mid-COPY would block its successor on the primary key forever, and no timeout ends it
--   3 wait for the fence in exclusive mode: the old writer is really gone
--   4 adopt the name that the target has now
--   5 lock the lease row if it is still that epoch and its time is still over: one winner
--   6 raise the epoch
--   7 record from which block on the rows come from the version that the stream reads now; an HTTP
--     source has neither
--
-- first_tx_id: under identity `transaction` the first of 2^32 values of `_tx_id` that belong to
-- this lease alone, above those of all leases before, of whatever stream. So they rise across
-- passes, resyncs, renames and new syncs of the same name, and no commit has to count.
--
-- No row either while the writers of the dataset rest, so that its tables can be altered: the
-- next pass is then queued for the end of that time.
--
-- No row either for a worker that holds its share of the streams while another holds less than its
-- own: see gives_way and leaves_to_others.
--
-- A stream that kills its workers may have to wait: see suspect_waits. The pass after an
-- abandoned lease is watched: it reports by note_holding that it holds data, before it looks at
-- the data.
--
-- Locks: fence (exclusive), stream row, lease row, version history. `lock_timeout` is 5 s: on 55P03 call again.
create or replace function ampsync_worker.acquire_lease(
  p_stream_id bigint,
  p_worker_id text
)
  returns table (
    epoch            bigint,
    source_schema    text,
    dataset          text,
    table_name       text,
    query            text,
    source_table     text,
    target_schema    text,
    target_table     text,
    columns          jsonb,
    network          text,
    state            text,
    from_block       bigint,
    origin           bigint,
    retention_blocks integer,
    value_policy     text,
    nul_policy       text,
    excluded         jsonb,
    watched          boolean,
    first_tx_id      bigint,
    history          jsonb,
    flight_addr      text
  )
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
#variable_conflict use_column
declare
  v_lease     ampsync_private.lease;
  v_gives_way boolean;
  v_ended     integer;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using
      errcode = 'SY901',
      message = 'acquire_lease needs a READ COMMITTED transaction',
      detail  = format('This one is %s.', upper(current_setting('transaction_isolation'))),
      hint    = 'begin isolation level read committed;';
  end if;

  perform ampsync_private.check_runnable(p_stream_id);

  select * into v_lease                                                                      -- 1
    from ampsync_private.lease l
   where l.stream_id = p_stream_id;
  if not ampsync_private.is_over(v_lease) then
    return;
  end if;

  if ampsync_private.rests(p_stream_id) then
    perform ampsync_private.schedule_stream(p_stream_id, d.quiesce_until)
       from ampsync_private.stream s
       join ampsync_private.dataset d using (dataset_id)
      where s.stream_id = p_stream_id;
    return;
  end if;

  v_gives_way := ampsync_private.gives_way(p_worker_id);
  if v_gives_way and ampsync_private.leaves_to_others(p_stream_id) then
    return;
  end if;

  v_ended := ampsync_private.end_writers(p_stream_id, v_lease.epoch);                        -- 2, 3

  perform ampsync_private.check_runnable(p_stream_id); -- It may have been dropped meanwhile.
  perform ampsync_private.follow_target(p_stream_id);                                        -- 4

  perform 1 from ampsync_private.stream s where s.stream_id = p_stream_id for no key update;

  select * into v_lease                                                                      -- 5
    from ampsync_private.lease l
   where l.stream_id = p_stream_id
     and l.epoch = v_lease.epoch
     for update; -- The lock that check_lease waits for; a heartbeat's update would not be enough.
  if not found or not ampsync_private.is_over(v_lease) then
    return;
  end if;

  if exists (select from ampsync_private.worker w where w.worker_id = p_worker_id)
     and not ampsync_private.worker_is_connected(p_worker_id) then
    perform ampsync_private.schedule_stream(p_stream_id, ampsync_private.now() + interval '1 s');
    return;
  end if;

  if ampsync_private.suspect_waits(p_stream_id, p_worker_id) then
    return;
  end if;

  update ampsync_private.lease l                                                             -- 6
     set epoch          = l.epoch + 1,
         holder         = p_worker_id,
         acquired_at    = ampsync_private.now(),
         lease_until    = ampsync_private.now() + ampsync_private.lease_duration(),
         rows_seen      = s.row_total,
         seen_at        = ampsync_private.now(),
         rows_per_s     = null,
         holds          = false,
         waits_for      = null,
         waits_hint     = null,
         takeovers      = l.takeovers + (l.holder is not null)::integer, -- A released lease has no holder.
         declined_since = case when v_gives_way then l.declined_since end, -- For lack of another taker: see to_yield.
         version        = s.version,
         manifest_hash  = s.manifest_hash
    from ampsync_private.stream s
   where l.stream_id = p_stream_id
     and s.stream_id = p_stream_id;

  perform ampsync_private.record_version(p_stream_id, coalesce(s.checkpoint_block + 1, 0))   -- 7
     from ampsync_private.stream s
     join ampsync_private.dataset d using (dataset_id)
    where s.stream_id = p_stream_id
      and d.kind = 'amp';

  -- A load starts with the pass that commits its first blocks, or records.
  update ampsync_private.stream s
     set load_started = ampsync_private.now(),
         load_from    = case d.kind when 'http' then s.records else s.checkpoint_block end
    from ampsync_private.dataset d
   where s.stream_id = p_stream_id
     and d.dataset_id = s.dataset_id
     and s.state <> 'live'
     and coalesce(s.committed_at <= s.load_started, true);

  -- A released lease has no holder: this one was abandoned.
  if v_lease.holder is not null then
    perform ampsync_private.journal(p_stream_id, 'lease_taken_over', jsonb_build_object(
              'from', v_lease.holder, 'to', p_worker_id, 'epoch', v_lease.epoch + 1,
              'expired_at', v_lease.lease_until, 'backends_ended', v_ended));
  end if;

  return query
  select v_lease.epoch + 1,
         case when s.query is null then ampsync_private.source_schema(d, coalesce(s.version, s.manifest_hash))
              else coalesce(q.schema_part, '') end,
         d.label, s.table_name, s.query,
         case when s.query is null then s.table_name else coalesce(q.table_name, '') end,
         s.target_schema, s.target_table, s.columns, s.network, s.state,
         s.from_block, s.origin, d.retention_blocks, d.value_policy, d.nul_policy,
         coalesce(d.exclude_columns -> s.table_name, '[]'),
         v_lease.holder is not null or s.deaths > 0,
         case when s.identity = 'transaction' then nextval('ampsync_private.tx_id_seq') end,
         (select coalesce(jsonb_agg(jsonb_build_object(
                   'start', h.first_block::text,
                   'end', h.last_block::text,
                   'hash', '0x' || encode(h.hash, 'hex'),
                   'prev_hash', '0x' || encode(h.prev_hash, 'hex')
                 ) order by h.last_block), '[]')
            from ampsync_private.history h
           where h.stream_id = p_stream_id),
         d.flight_addr
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
    left join lateral ampsync_private.query_source(s.query) q on s.query is not null
   where s.stream_id = p_stream_id;
end;
$$;

comment on function ampsync_worker.acquire_lease(bigint, text)
  is 'Take a stream''s lease; returns its query, checkpoint and history, or no row while another worker holds it.';
