-- What a gateway says of all its sessions, every 5 s, in one statement: positions that moved, counters, what clients
-- report. Rows that somebody holds are left for the next beat; so nobody waits for one of them.
--
-- p_sessions  [{"client", "generation", "iat", "epoch", "position", "blocks", "phase", "sent", "acked", "buffered",
--             "unacked", "frames", "bytes", "report", "over", "same"}]; report only where there is a new one
--             (note_reports); over: the session has ended, and its row goes; same: it has not moved since that was
--             noted, and the rest is left out: nothing is written, and no row locked
--
-- Returns the sessions that are to be closed, [{"client", "why"}]: `replaced`, by one with a later generation;
-- `revoked`, the tokens of its subject; `reset`, to be loaded from the beginning; `ended`, its row is gone. And those
-- of which nothing was noted, `held`: to be said again.
--
-- Locks: client rows that are free, in their order, then their sessions.
create or replace function ampsync_worker.report_sessions(
  p_gateway  uuid,
  p_sessions jsonb
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
  set plan_cache_mode = force_custom_plan -- So that those held are looked up in a hash, each time.
as $$
declare
  v_now  timestamptz := ampsync_private.now();
  v_held uuid[];
begin
  with held as materialized (
    select c.client_id
      from ampsync_private.client c
      join jsonb_to_recordset(p_sessions) g(client uuid, generation bigint, same boolean) on g.client = c.client_id
     where g.same is not true
       and c.generation = g.generation
       and c.phase not in ('new', 'reset')
       and exists (select from ampsync_private.session s
                    where s.client_id = c.client_id and s.generation = g.generation and s.gateway_id = p_gateway)
     order by c.client_id
       for no key update of c skip locked
  )
  select coalesce(array_agg(h.client_id), '{}') into v_held from held h;

  with said as (
    select *
      from jsonb_to_recordset(p_sessions) g(
             client uuid, generation bigint, epoch uuid, "position" bigint, blocks bigint, phase text)
     where g.client = any (v_held)
  )
  update ampsync_private.client c
     set epoch    = coalesce(s.epoch, c.epoch),
         position = coalesce(s."position", c.position),
         blocks   = coalesce(s.blocks, c.blocks),
         phase    = ampsync_private.next_phase(c.phase, coalesce(s.phase, c.phase)),
         seen_at  = v_now
    from said s
   where c.client_id = s.client
     and c.generation = s.generation
     and (c.seen_at < v_now - interval '1 minute'
          or (coalesce(s.epoch, c.epoch), coalesce(s."position", c.position), coalesce(s.blocks, c.blocks),
              coalesce(s.phase, c.phase))
             is distinct from (c.epoch, c.position, c.blocks, c.phase));

  with said as (
    select *
      from jsonb_to_recordset(p_sessions) g(
             client uuid, generation bigint, sent bigint, acked bigint, buffered bigint, unacked bigint, frames bigint,
             bytes bigint)
     where g.client = any (v_held)
  )
  update ampsync_private.session n
     set sent     = coalesce(s.sent, n.sent),
         acked    = coalesce(s.acked, n.acked),
         buffered = coalesce(s.buffered, 0),
         unacked  = coalesce(s.unacked, 0),
         frames   = coalesce(s.frames, n.frames),
         bytes    = coalesce(s.bytes, n.bytes),
         rate     = greatest(0, coalesce(s.bytes, n.bytes) - n.bytes)
                      / least(greatest(extract(epoch from v_now - n.seen_at), 1), 5),
         seen_at  = v_now
    from said s
   where n.client_id = s.client
     and n.generation = s.generation
     and (n.seen_at < v_now - interval '1 minute'
          or n.rate > 0
          or (coalesce(s.sent, n.sent), coalesce(s.acked, n.acked), coalesce(s.buffered, 0), coalesce(s.unacked, 0),
              coalesce(s.bytes, n.bytes))
             is distinct from (n.sent, n.acked, n.buffered, n.unacked, n.bytes));

  perform ampsync_private.note_reports(jsonb_agg(r.entry))
     from jsonb_array_elements(p_sessions) r(entry)
    where jsonb_typeof(r.entry -> 'report') = 'object'
      and (r.entry ->> 'client')::uuid = any (v_held)
   having count(*) > 0;
  delete from ampsync_private.session n
   using jsonb_to_recordset(p_sessions) g(client uuid, generation bigint, over boolean)
   where g.over
     and g.client = any (v_held)
     and n.client_id = g.client
     and n.generation = g.generation
     and n.gateway_id = p_gateway;
  return ampsync_private.sessions_to_close(p_gateway, p_sessions, v_held);
end;
$$;

comment on function ampsync_worker.report_sessions(uuid, jsonb)
  is 'What a gateway says of its sessions; returns those that are to be closed, or to be told again.';
