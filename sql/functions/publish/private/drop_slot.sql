-- Drops our slot, ending whoever reads from it; once there is none, stores that the next one of that name is
-- new. Returns what it did.
--
-- Locks: the row of capture.
create or replace function ampsync_private.drop_slot()
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_slot record;
begin
  select s.* into v_slot from ampsync_private.our_slot() s;
  if v_slot.slot_name is not null then
    if v_slot.active_pid is not null then
      perform pg_terminate_backend(v_slot.active_pid, 5000);
    end if;
    perform pg_drop_replication_slot(v_slot.slot_name);
    perform ampsync_private.journal(null, 'slot_dropped',
              jsonb_build_object('slot', v_slot.slot_name, 'code', c.gap_reason,
                                 'reason', ampsync_private.gap_text(c.gap_reason)))
       from ampsync_private.capture c;
    return 'slot_dropped';
  end if;
  update ampsync_private.capture c set phase = 'make', publication = null;
  return 'slot_is_gone';
end;
$$;

comment on function ampsync_private.drop_slot()
  is 'Drop our slot; once there is none, store that the next one is new.';
