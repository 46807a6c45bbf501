-- Gives a source the parts that are to be read: in its first run one, or the first windows of a range
-- that is cut into steps; later the windows that a run has not opened yet. Where the run is over and
-- the next one is due, begins that: every part again, but for windows that are read for good (also where a raised
-- `lookback` or `lag` begins within a row of them: unfold_windows). What a run reads has its number; what was read for
-- good has that of its own.
--
-- Idempotent: what a call has begun, the next one finds.
--
-- Locks: the stream row, which the caller holds, and rows of parts.
create or replace function ampsync_private.begin_run(
  p_stream_id bigint,
  p_source    jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_range     jsonb := nullif(p_source -> 'range', 'null');
  v_is_cut    boolean := v_range ->> 'step_us' is not null;
  v_run       bigint;
  v_begun_at  timestamptz; -- Of the run under way; null before the first.
  v_is_due    boolean;
begin
  select max(p.begun_at), coalesce(max(p.run), 1) into strict v_begun_at, v_run
    from ampsync_private.part p
   where p.stream_id = p_stream_id;
  select s.run_due <= ampsync_private.now() into strict v_is_due
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  if v_begun_at is null then
    v_begun_at := ampsync_private.now();
    insert into ampsync_private.part (stream_id, part_no, since, begun_at)
    select p_stream_id, 0, (v_range ->> 'from')::numeric, v_begun_at
     where not v_is_cut;
  elsif v_is_due and ampsync_private.run_is_over(p_stream_id) then
    v_begun_at := ampsync_private.now();
    v_run := v_run + 1;
    if v_is_cut then
      perform ampsync_private.unfold_windows(p_stream_id, v_range);
    end if;
    update ampsync_private.part p
       set run          = v_run,
           since        = case when v_range is null or v_is_cut then p.since
                               else ampsync_private.next_since(p, v_range) end,
           position     = n.position,
           previous     = case when n.position is not null then p.previous end,
           begun_at     = v_begun_at,
           run_high     = null,
           pages        = 0,
           records      = 0,
           empty_pages  = 0,
           expiries     = 0,
           expired_page = 0,
           done         = false
      from (select b.part_no, case when not v_is_cut then ampsync_private.next_position(b, p_source) end as position
              from ampsync_private.part b
             where b.stream_id = p_stream_id
               and not (v_is_cut and ampsync_private.is_final(b, v_range))) n
     where p.stream_id = p_stream_id
       and p.part_no = n.part_no;
    update ampsync_private.stream s set run_due = null, ahead = null where s.stream_id = p_stream_id;
  end if;

  if v_is_cut then
    perform ampsync_private.fold_windows(p_stream_id, v_range);
    perform ampsync_private.open_windows(p_stream_id, v_range, v_run, v_begun_at);
  end if;
end;
$$;

comment on function ampsync_private.begin_run(bigint, jsonb)
  is 'Give a source the parts that are to be read, and begin its next run where that is due.';
