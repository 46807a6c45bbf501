-- The heartbeat of one worker: keeps it alive in the list of workers, renews all its leases,
-- records the heads it knows and what its streams are waiting for, and says what the pass of each
-- lease should do:
--   keep     continue
--   lost     another epoch is current: stop, nothing can be committed any more
--   severed  its writer waits for the server, and no backend works for it: abort the
--            transaction, its connection is dead
--   yield    more passes wait than the worker has free slots, other jobs wait, the worker holds
--            more than its share (sharing), a repair waits for the next pass, the definition of the
--            HTTP source changed since the lease was taken, the pass reads a version that its stream
--            no longer follows, or the writers of its dataset rest: end this pass at the next
--            watermark
--   end      the last two, and that was not done within 25 s (a beat comes every 5 s): end this
--            pass now, without the microbatch that it has not received completely
--
-- As many passes are asked to yield as jobs wait, the longest running first, and for the sake of
-- sharing at most a tenth of them: the tables that move are stale for a moment. With the verdict
-- comes the state as it is stored, for a pass that assumes another one.
--
-- p_leases: a jsonb array of
--   {"stream_id": "7", "epoch": "3",
--    "head": "19000000" or null,
--    "network": of the head; by default that of the stream,
--    "writer_waits_s": how many seconds its writer has waited for the server; null: not waiting,
--    "writer_silent": whether that is too long,
--    "waits": what else the pass waits for: plan, server, limit, permit, turn; null: nothing,
--    "waits_s": for how many seconds,
--    "holds": whether its pass holds data that is not committed; see suspect_waits}
--
-- stalled_since of a lease: since when a head above the checkpoint has been seen, or data that is
-- not committed has been held, without a commit since then: the head cannot always be asked for, and
-- a replacement may be no higher than what it replaces. What a repair holds begins nothing: no
-- block is missing. A beat that knows no head keeps it: without end if such a head was seen,
-- otherwise (stalled_until) for 60 s after data was last held, because a server may take back what
-- it sent, and a pass may end before it is sent again. ampsync.readiness goes by it.
--
-- Its session holds a lock that shows others that the worker is alive: see find_dead_workers. It also makes
-- sure that a supervisor is queued: the job may lie in the future if the clock of the database
-- was set back.
--
-- One statement for all leases, joined by hashes: a worker may hold a thousand, and the planner
-- cannot know how many members p_leases has.
--
-- Called every 5 s, on a connection of its own. Its commit waits for no standby, and the call
-- waits for nobody: a lease that is being decided about (a pause, a takeover or a swap, whose
-- transaction may stay open) is left for the next heartbeat, or the worker's other leases would
-- run out with it. Idempotent.
--
-- Locks: advisory locks on the heads of datasets (shared, never waited for); rows of heads, in
-- their order, then unlocked lease rows, each during this statement.
create or replace function ampsync_worker.renew_leases(
  p_worker_id text,
  p_leases    jsonb
)
  returns table (stream_id bigint, verdict text, state text)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_nestloop = off
as $$
#variable_conflict use_column
declare
  v_now        timestamptz := ampsync_private.now();
  v_until      timestamptz := v_now + ampsync_private.lease_duration();
  v_holds_lock boolean;
  v_waiting    bigint;
  v_held       record; -- p_leases as arrays: reading a thousand members three times takes longer than all the rest.
begin
  perform ampsync_private.commit_async();
  v_holds_lock := ampsync_private.hold_worker_lock(p_worker_id);

  insert into ampsync_private.worker as w (worker_id, started_at, heartbeat_at, had_lock)
  values (p_worker_id, v_now, v_now, v_holds_lock)
  on conflict (worker_id) do update
     set heartbeat_at = v_now, had_lock = w.had_lock or v_holds_lock, lost_at = null;

  -- A free slot of this worker takes a pass that waits; other jobs start within a second where a slot is left to them.
  -- Workers of 0.1 do not know passes of HTTP sources: giving up slots would leave those no better off.
  select greatest(count(*) filter (where t.is_pass) - coalesce(max(f.slots), 0), 0)
         + count(*) filter (where not t.is_pass)
    into v_waiting
    from graphile_worker.jobs j
   cross join lateral (select j.task_identifier in ('ampsync_stream', 'ampsync_ingest') as is_pass) t
   cross join lateral (select max(greatest(w.slots - jsonb_array_length(p_leases), 0)) as slots,
                              coalesce(bool_or(w.version like '0.1.%'), false) as is_old
                         from ampsync_private.worker w
                        where w.worker_id = p_worker_id) f
   where j.locked_at is null
     and j.attempts < j.max_attempts
     and starts_with(j.task_identifier, 'ampsync_')
     and not (f.is_old and j.task_identifier = 'ampsync_ingest')
     and j.run_at <= v_now - case when t.is_pass then interval '0' else interval '2 s' end;
  v_waiting := v_waiting + ampsync_private.to_yield(p_worker_id);

  if not ampsync_private.job_waits('ampsync_supervise', null)
     and not ampsync_private.notify_waits() then -- Queueing a job notifies.
    perform ampsync_worker.schedule_supervision();
  end if;

  select coalesce(array_agg(p.stream_id), '{}') as streams, array_agg(p.epoch) as epochs, array_agg(p.head) as heads,
         array_agg(p.network) as networks, array_agg(p.writer_waits_s) as writer_s,
         array_agg(p.writer_silent) as silent, array_agg(p.waits) as waits, array_agg(p.waits_s) as waits_s,
         array_agg(p.holds) as holds
    into v_held
    from jsonb_to_recordset(p_leases)
           p (stream_id bigint, epoch bigint, head bigint, network text, writer_waits_s numeric,
              writer_silent boolean, waits text, waits_s numeric, holds boolean);

  insert into ampsync_private.head as d (dataset_id, network, block, reported_at)
  select r.dataset_id, r.network, r.block, v_now
    from (select s.dataset_id, coalesce(p.network, s.network) as network, max(p.head) as block
            from unnest(v_held.streams, v_held.epochs, v_held.heads, v_held.networks)
                   p (stream_id, epoch, head, network)
            join ampsync_private.stream s using (stream_id)
            join ampsync_private.lease l -- A pass that has lost it may have asked another server: see set_source.
              on l.stream_id = p.stream_id and l.epoch = p.epoch
           where p.head is not null
             and coalesce(p.network, s.network) is not null
             and (s.shadow_of is null or not ampsync_private.is_beside(s)) -- Another version may have another head.
           group by 1, 2) r
   where pg_try_advisory_xact_lock_shared(ampsync_private.heads_key(r.dataset_id)) -- Without those being dropped.
   order by 1, 2
  on conflict on constraint head_pkey do update set block = excluded.block, reported_at = excluded.reported_at;

  return query
  with held as materialized (
    select *
      from unnest(v_held.streams, v_held.epochs, v_held.heads, v_held.silent, v_held.holds)
             p (stream_id, epoch, head, writer_silent, holds)
  ),
  free as materialized (
    select l.stream_id, h.head, coalesce(h.holds, l.holds) as holds,
           s.row_total, s.state, h.head <= s.checkpoint_block as is_at_head,
           coalesce(h.head > s.checkpoint_block, h.head is not null) as is_below_head,
           coalesce(l.stalled_since >= s.committed_at, l.stalled_since is not null) as is_stalled,
           least(case when s.state = 'orphaned' then s.since
                      when (l.version, l.manifest_hash) is distinct from (s.version, s.manifest_hash)
                        then s.version_since end,
                 case when d.quiesce_until > v_now then d.quiesce_until - interval '60 s' end) as ends_since,
           exists (select 1
                     from ampsync_private.repair p
                    where p.stream_id = h.stream_id and p.due_at <= v_now) as is_to_repair,
           coalesce(d.changed_at > l.acquired_at, false) as is_changed
      from held h
      join ampsync_private.lease l on l.stream_id = h.stream_id and l.epoch = h.epoch
      join ampsync_private.stream s on s.stream_id = h.stream_id
      join ampsync_private.dataset d using (dataset_id)
     where l.holder = p_worker_id
       for no key update of l skip locked
  ),
  renewed as (
    update ampsync_private.lease l
       set lease_until = v_until,
           rows_per_s  = greatest(f.row_total - l.rows_seen, 0) / greatest(extract(epoch from v_now - l.seen_at), 1),
           rows_seen   = f.row_total,
           seen_at     = v_now,
           holds       = f.holds,
           stalled_since = case when not f.holds and (f.is_at_head or f.head is null and l.stalled_until <= v_now)
                                  then null
                                when f.is_stalled then l.stalled_since
                                when f.is_below_head or f.holds and not f.is_to_repair then v_now end,
           stalled_until = case when f.is_below_head then 'infinity'
                                when f.is_stalled and f.head is null
                                     and (not f.holds or l.stalled_until = 'infinity')
                                  then l.stalled_until
                                when f.holds then v_now + interval '60 s' end,
           waits_for   = w.reason,
           waits_hint  = w.hint
      from free f
      left join ampsync_private.passes_wait(v_held.streams, v_held.epochs, v_held.writer_s, v_held.waits,
                                            v_held.waits_s) w using (stream_id)
     where l.stream_id = f.stream_id
    returning l.stream_id, l.acquired_at, f.state, f.ends_since, f.is_to_repair, f.is_changed
  ),
  ranked as (
    select r.*, row_number() over (order by r.acquired_at) as age_rank
      from renewed r
  )
  select h.stream_id,
         case when r.stream_id is null
                then case when exists (select 1
                                         from ampsync_private.lease l
                                        where l.stream_id = h.stream_id
                                          and l.epoch = h.epoch
                                          and l.holder = p_worker_id)
                          then 'keep' else 'lost' end
              when h.writer_silent and not ampsync_private.writer_works(h.stream_id, h.epoch) then 'severed'
              when r.ends_since <= v_now - interval '25 s' then 'end'
              when r.ends_since is not null or r.age_rank <= v_waiting or r.is_to_repair or r.is_changed
                then 'yield'
              else 'keep' end,
         r.state
    from held h
    left join ranked r using (stream_id);
end;
$$;

comment on function ampsync_worker.renew_leases(text, jsonb)
  is 'Heartbeat of a worker: renew its leases; says for each whether to keep it, to yield, or that it is lost.';
