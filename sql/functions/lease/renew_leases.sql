-- The heartbeat of one worker: keeps it alive in the list of workers, renews all its leases,
-- records the heads it knows and what its streams are waiting for, and says what the pass of each
-- lease should do:
--   keep     continue
--   lost     another epoch is current: stop, nothing can be committed any more
--   severed  its writer waits for the server, and no backend works for it: abort the
--            transaction, its connection is dead
--   yield    more passes wait than the worker has free slots, or other jobs wait, or a repair
--            waits for the next pass, or the pass reads a version that its stream no longer
--            follows, or the writers of its dataset rest: end this pass at the next watermark
--   end      the last two, and that was not done within 25 s (a beat comes every 5 s): end this
--            pass now, without the microbatch that it has not received completely
--
-- As many passes are asked to yield as jobs wait, the longest running first. With the verdict
-- comes the state as it is stored, for a pass that assumes another one.
--
-- p_leases: a jsonb array of
--   {"stream_id": "7", "epoch": "3",
--    "head": "19000000" or null,
--    "network": of the head; by default that of the stream,
--    "writer_waits_s": how many seconds its writer has waited for the server; null: not waiting,
--    "writer_silent": whether that is too long,
--    "waits": what else the pass waits for: plan, server, permit, turn; null: nothing,
--    "waits_s": for how many seconds,
--    "holds": whether its pass holds data that is not committed; see suspect_waits}
--
-- Its session holds a lock that shows others that the worker is alive: see find_dead_workers. It also makes
-- sure that a supervisor is queued: the job may lie in the future if the clock of the database
-- was set back.
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
as $$
#variable_conflict use_column
declare
  v_now      timestamptz := ampsync_private.now();
  v_holds_lock boolean;
  v_waiting  bigint;
  v_datasets bigint[];
begin
  perform ampsync_private.commit_async();
  v_holds_lock := ampsync_private.hold_worker_lock(p_worker_id);

  insert into ampsync_private.worker as w (worker_id, started_at, heartbeat_at, had_lock)
  values (p_worker_id, v_now, v_now, v_holds_lock)
  on conflict (worker_id) do update
     set heartbeat_at = v_now, had_lock = w.had_lock or v_holds_lock, lost_at = null;

  -- A free slot of this worker takes a pass that waits; other jobs start within a second where a slot is left to them.
  select greatest(count(*) filter (where j.task_identifier = 'ampsync_stream') - coalesce(max(f.slots), 0), 0)
         + count(*) filter (where j.task_identifier <> 'ampsync_stream')
    into v_waiting
    from graphile_worker.jobs j
   cross join lateral (select max(greatest(w.slots - jsonb_array_length(p_leases), 0)) as slots
                         from ampsync_private.worker w
                        where w.worker_id = p_worker_id) f
   where j.locked_at is null
     and j.attempts < j.max_attempts
     and starts_with(j.task_identifier, 'ampsync_')
     and j.run_at <= v_now - case j.task_identifier when 'ampsync_stream' then interval '0' else interval '2 s' end;

  if not ampsync_private.job_waits('ampsync_supervise', null)
     and not ampsync_private.notify_waits() then -- Queueing a job notifies.
    perform ampsync_worker.schedule_supervision();
  end if;

  v_datasets := array( -- Without those that are being dropped.
    select d.dataset_id
      from (select distinct s.dataset_id
              from jsonb_array_elements(p_leases) p
              join ampsync_private.stream s on s.stream_id = (p.value ->> 'stream_id')::bigint
             where p.value ->> 'head' is not null) d
     where pg_try_advisory_xact_lock_shared(ampsync_private.heads_key(d.dataset_id)));

  insert into ampsync_private.head as d (dataset_id, network, block, reported_at)
  select s.dataset_id, coalesce(p.value ->> 'network', s.network), max((p.value ->> 'head')::bigint), v_now
    from jsonb_array_elements(p_leases) p
    join ampsync_private.stream s on s.stream_id = (p.value ->> 'stream_id')::bigint
    join ampsync_private.lease l -- A pass that has lost it may have asked another server: see set_source.
      on l.stream_id = s.stream_id and l.epoch = (p.value ->> 'epoch')::bigint
   where p.value ->> 'head' is not null
     and coalesce(p.value ->> 'network', s.network) is not null
     and s.dataset_id = any (v_datasets)
     and (s.shadow_of is null or not ampsync_private.is_beside(s)) -- Another version may have another head.
   group by 1, 2
   order by 1, 2
  on conflict on constraint head_pkey do update set block = excluded.block, reported_at = excluded.reported_at;

  return query
  with held as (
    select (p.value ->> 'stream_id')::bigint as stream_id,
           (p.value ->> 'epoch')::bigint as epoch,
           (p.value ->> 'writer_silent')::boolean as writer_silent,
           (p.value ->> 'holds')::boolean as holds,
           w.reason, w.hint
      from jsonb_array_elements(p_leases) p
     cross join lateral ampsync_private.pass_waits((p.value ->> 'stream_id')::bigint, (p.value ->> 'epoch')::bigint,
             (p.value ->> 'writer_waits_s')::numeric, p.value ->> 'waits', (p.value ->> 'waits_s')::numeric) w
  ),
  free as (
    select l.stream_id
      from ampsync_private.lease l
      join held h on h.stream_id = l.stream_id and h.epoch = l.epoch
     where l.holder = p_worker_id
       for no key update of l skip locked
  ),
  renewed as (
    update ampsync_private.lease l
       set lease_until = v_now + ampsync_private.lease_duration(),
           rows_per_s  = greatest(s.row_total - l.rows_seen, 0) / greatest(extract(epoch from v_now - l.seen_at), 1),
           rows_seen   = s.row_total,
           seen_at     = v_now,
           holds       = coalesce(h.holds, l.holds),
           waits_for   = h.reason,
           waits_hint  = h.hint
      from free f
      join held h using (stream_id)
      join ampsync_private.stream s using (stream_id)
     where l.stream_id = f.stream_id
    returning l.stream_id, l.acquired_at, s.state,
              case when s.state = 'orphaned' then s.since
                   when (l.version, l.manifest_hash) is distinct from (s.version, s.manifest_hash)
                     then s.version_since end as outdated_since
  ),
  ranked as (
    select r.stream_id, r.state, row_number() over (order by r.acquired_at) as age_rank,
           least(r.outdated_since, case when d.quiesce_until > v_now then d.quiesce_until - interval '60 s' end)
             as ends_since
      from renewed r
      join ampsync_private.stream s using (stream_id)
      join ampsync_private.dataset d using (dataset_id)
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
              when r.ends_since is not null or r.age_rank <= v_waiting or ampsync_private.repair_waits(h.stream_id)
                then 'yield'
              else 'keep' end,
         r.state
    from held h
    left join ranked r using (stream_id);
end;
$$;

comment on function ampsync_worker.renew_leases(text, jsonb)
  is 'Heartbeat of a worker: renew its leases; says for each whether to keep it, to yield, or that it is lost.';
