-- Does the next thing that publication, replica identities and slot need, and returns what it was;
-- null: nothing is left to do, or what is left has to wait. The job ampsync_publication calls it until
-- then, each time in a transaction of its own.
--
-- statement: to be run before the next call, by itself: the slot has to be made by the first statement of a
-- transaction, and not from within a function, since decoding ends transactions of its own in it. It waits
-- for all transactions of the cluster that are open, prepared ones too; the view ampsync.capture names them.
--
-- A slot that cannot be used any more is made anew, in this order: that it is to be dropped is stored, it is
-- dropped, that there is none is stored, the publication is put right, the slot is made, and the log
-- goes on behind a gap (open_gap). So after a crash between any two of them it is known of each slot
-- whether it is the new one, and none is older than its publication.
--
-- With nothing published in mode rows slot and publication are dropped after 10 minutes.
--
-- Tables that HTTP sources have made since they were published join when all of that is done.
--
-- Last of all it takes the baselines that were asked for, for each of which the writers of the table wait.
--
-- Locks: tables that are put in or taken out, 300 ms at a time; rows of capture and published; in
-- open_gap the log lock. Making the slot waits for all transactions of the cluster.
create or replace function ampsync_worker.tend_publication(
  out step      text,
  out statement text
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_capture ampsync_private.capture;
  v_fault   text;
begin
  select c.* into v_capture from ampsync_private.capture c;
  if not ampsync_private.is_capturing() then
    step := coalesce(ampsync_private.put_identity_back(), ampsync_private.publish_source(),
                     ampsync_private.end_capturing());
    return;
  end if;

  if v_capture.slot is null then -- Not made by publish: others would wait for a transaction that stays open.
    perform ampsync_private.ensure_capture();
    step := 'capture_begun';
    return;
  end if;

  if v_capture.phase is null then
    v_fault := ampsync_private.slot_fault();
    if v_fault is null then
      step := coalesce(ampsync_private.repair_publication(), ampsync_private.put_identity_back(),
                       ampsync_private.publish_source(), ampsync_private.take_baseline());
    else
      perform ampsync_private.begin_gap(v_fault);
      step := 'gap_found';
    end if;
  elsif v_capture.phase = 'drop' then
    step := ampsync_private.drop_slot();
  else
    step := coalesce(ampsync_private.repair_publication(), ampsync_private.make_slot());
    if step = 'slot_created' then
      statement := ampsync_private.slot_statement();
    end if;
  end if;
end;
$$;

comment on function ampsync_worker.tend_publication()
  is 'Do the next thing that publication, replica identities and slot need; null: nothing is left.';
