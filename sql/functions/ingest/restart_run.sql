-- Begins the run of a part again, because its cursor has expired and no earlier one helps: from where the
-- run began, or, where records come in the order of the range, from the greatest value that was stored,
-- but the lookback. What was read before falls away by key.
--
-- The third time without getting more than a tenth further than ever before is SY302, with the page that
-- the run never passes: a cursor may live for a fixed time from its first page.
--
-- p_error: what the API said, {"code", "message", "detail", "hint"}; for the journal
--
-- Idempotent: a part that stands where a restart has put it was restarted by this very call, whose answer
-- was lost. Its next request names nothing that can expire, and each commit after it counts a page.
--
-- Locks: fence (shared), the stream row, the row of the part, the lease row.
create or replace function ampsync_worker.restart_run(
  p_stream_id bigint,
  p_epoch     bigint,
  p_part      bigint,
  p_error     jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset ampsync_private.dataset;
  v_source  jsonb;
  v_part    ampsync_private.part;
begin
  call ampsync_private.enter_fence(p_stream_id, p_epoch);
  perform 1 from ampsync_private.stream s where s.stream_id = p_stream_id for no key update;
  select d.* into strict v_dataset
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.stream_id = p_stream_id;
  v_source := ampsync_private.full_source(v_dataset.definition);
  select * into v_part
    from ampsync_private.part p
   where p.stream_id = p_stream_id
     and p.part_no = p_part
     for no key update;
  if not found then
    call ampsync_private.raise_lease_lost(p_stream_id, p_epoch);
  end if;

  if v_part.expiries > 0 and v_part.pages = 0 and v_part.position is null then
    call ampsync_private.check_lease(p_stream_id, p_epoch);
    return;
  end if;

  if v_part.expiries >= 2 then
    raise exception using
      errcode = 'SY302',
      message = format('the cursor of %s expired for the third time, and its run never passes page %s',
                       ampsync_private.stream_label(p_stream_id), greatest(v_part.pages, v_part.expired_page)),
      detail  = concat_ws(' ', format('It got there within %s s of its beginning, and would begin from there again.',
                                      round(extract(epoch from v_part.position_at - v_part.begun_at))),
                          p_error ->> 'message'),
      hint    = 'Read larger pages, or cut the range into windows (range.step): '
                || ampsync_private.restart_statement(v_dataset, ampsync_private.larger_pages(v_dataset.definition));
  end if;

  update ampsync_private.part p
     set since        = case when (v_source #>> '{range,sorted}')::boolean
                             then ampsync_private.sorted_since(p, v_source -> 'range') else p.since end,
         position     = null,
         previous     = null,
         position_at  = null,
         run_high     = null,
         expired_page = greatest(p.expired_page, p.pages),
         pages        = 0,
         empty_pages  = 0,
         expiries     = p.expiries + 1
   where p.stream_id = p_stream_id
     and p.part_no = p_part;
  perform ampsync_private.journal(p_stream_id, 'run_restarted', coalesce(p_error, '{}')
            || jsonb_build_object('part', p_part, 'page', v_part.pages, 'expiries', v_part.expiries + 1));
  call ampsync_private.check_lease(p_stream_id, p_epoch);
end;
$$;

comment on function ampsync_worker.restart_run(bigint, bigint, bigint, jsonb)
  is 'Begin the run of a part again, because its cursor has expired; SY302 at the third time in vain.';
