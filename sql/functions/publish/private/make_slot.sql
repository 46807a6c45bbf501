-- The steps from a publication that is as it shall be to a slot that is read from: notes which
-- publication it is, has the slot made (`slot_created`: by slot_statement, next), opens the gap. Returns
-- what it did; null: somebody else is making the slot.
--
-- Locks: as open_gap.
create or replace function ampsync_private.make_slot()
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_publication oid := (select p.oid from pg_publication p where p.pubname = 'ampsync');
  v_slot        record;
  v_capture     ampsync_private.capture;
begin
  select s.* into v_slot from ampsync_private.our_slot() s;
  select c.* into v_capture from ampsync_private.capture c;
  if v_capture.publication is distinct from v_publication then
    update ampsync_private.capture c
       set publication = v_publication,
           phase       = case when v_slot.slot_name is null then 'make' else 'drop' end;
    return 'publication_noted';
  end if;
  if v_slot.slot_name is null then
    return 'slot_created';
  end if;
  if v_slot.confirmed_flush_lsn is null then
    return null;
  end if;
  if v_slot.wal_status = 'lost' then
    perform ampsync_private.begin_gap(v_capture.gap_reason);
    return 'slot_lost';
  end if;
  perform ampsync_private.open_gap(v_capture.gap_reason, v_slot.confirmed_flush_lsn);
  return 'gap_opened';
end;
$$;

comment on function ampsync_private.make_slot()
  is 'Have our slot made, and let the log go on behind a gap.';
