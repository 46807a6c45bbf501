-- Opens the next windows of a range that is cut into steps, up to the horizon of the run, so that 100 are
-- open at most; the first one in any case. Windows share their borders, and the last one may reach beyond
-- the horizon: it is read again until it does not.
--
-- Locks: rows of parts.
create or replace function ampsync_private.open_windows(
  p_stream_id bigint,
  p_range     jsonb,
  p_run       bigint,
  p_begun_at  timestamptz
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  insert into ampsync_private.part (stream_id, part_no, run, since, until, begun_at)
  select p_stream_id, t.last + n.n, p_run, b.first, b.first + r.step, p_begun_at
    from (select (p_range ->> 'from')::numeric as first, (p_range ->> 'step_us')::numeric as step) r
   cross join (select coalesce(max(p.part_no), -1) as last, max(p.until) as until,
                      count(*) filter (where not p.done) as open
                 from ampsync_private.part p
                where p.stream_id = p_stream_id) t
   cross join generate_series(1, 100 - t.open) n(n)
   cross join lateral (select coalesce(t.until, r.first) + (n.n - 1) * r.step as first) b
   where b.first < ampsync_private.run_horizon(p_range, p_begun_at)
      or t.until is null and n.n = 1;
$$;

comment on function ampsync_private.open_windows(bigint, jsonb, bigint, timestamptz)
  is 'Open the next windows of a range that is cut into steps.';
