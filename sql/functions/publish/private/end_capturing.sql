-- Drops slot and publication once nothing has been published in mode rows for 10 minutes: a slot that nobody
-- reads only keeps WAL. Returns what it did; null: nothing is left to do, or it is not time yet.
--
-- Locks: the row of capture.
create or replace function ampsync_private.end_capturing()
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_capture ampsync_private.capture;
begin
  select c.* into v_capture from ampsync_private.capture c;
  if v_capture.unused_since is null or v_capture.unused_since > ampsync_private.now() - interval '10 min' then
    return null;
  end if;
  if exists (select from ampsync_private.our_slot()) then
    if v_capture.phase is distinct from 'drop' then
      perform ampsync_private.begin_gap('unused');
      return 'gap_found';
    end if;
    return ampsync_private.drop_slot();
  end if;

  if exists (select from pg_publication p where p.pubname = 'ampsync') then
    execute 'drop publication ampsync';
  end if;
  update ampsync_private.capture c
     set slot_created_lsn = null, slot_system = null, slot_database = null, publication = null, phase = null,
         gap_reason = null, commit_lsn = null, end_lsn = null, idle_lsn = null, received_lsn = null,
         generation = c.generation + 1, worker_id = null, error = null, attempts = 0, next_retry = null,
         beat_sent_at = null, beat_seen_at = null, unused_since = null, state = 'off', since = ampsync_private.now(),
         reason = null, hint = null
   where c.slot_created_lsn is not null or c.phase is not null or c.unused_since is not null;
  return null;
end;
$$;

comment on function ampsync_private.end_capturing()
  is 'Drop slot and publication once nothing has been captured for 10 minutes.';
