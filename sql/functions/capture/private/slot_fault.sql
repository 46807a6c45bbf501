-- Why our slot cannot be read from, or not any more without missing something; null: it can be.
--   not_made               by nobody yet, or it is being made
--   publication_dropped    the slot decodes nothing without it
--   publication_replaced   nor by one that is younger than the slot
--   slot_dropped           by somebody
--   slot_lost              the server has invalidated it
--   slot_advanced          it stands beyond what is in the log: somebody moved it, or it belongs to a server that
--                          knew more
--   wal_ahead              the log stands beyond the end of WAL
--   other_server           the slot was made in another cluster or database
--
-- The slot is read before the row of capture: a pass that lives moves the row first.
create or replace function ampsync_private.slot_fault()
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_slot        record;
  v_capture     ampsync_private.capture;
  v_publication pg_publication;
begin
  select s.* into v_slot from ampsync_private.our_slot() s;
  select c.* into v_capture from ampsync_private.capture c;
  select p.* into v_publication from pg_publication p where p.pubname = 'ampsync';
  return case
    when v_capture.slot_created_lsn is null or v_capture.phase is not null then 'not_made'
    when v_capture.slot_system <> (select y.system_identifier from pg_control_system() y)
      or v_capture.slot_database <> (select d.oid from pg_database d where d.datname = current_database())
    then 'other_server'
    when v_publication.oid is null then 'publication_dropped'
    when v_publication.oid <> v_capture.publication or v_publication.puballtables then 'publication_replaced'
    when v_slot.slot_name is null then 'slot_dropped'
    when v_slot.wal_status = 'lost' or v_slot.plugin <> 'pgoutput' then 'slot_lost'
    when v_slot.confirmed_flush_lsn > greatest(v_capture.end_lsn, v_capture.idle_lsn) then 'slot_advanced'
    when v_capture.end_lsn > pg_current_wal_insert_lsn() then 'wal_ahead'
  end;
end;
$$;

comment on function ampsync_private.slot_fault()
  is 'Why our slot cannot be read from without missing something; null: it can be.';
