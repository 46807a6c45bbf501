-- The log goes on with a new slot: what was written before it and is not in the log never comes. So
-- each captured table gets a new floor, and is noted as the catalogue has it; those that wait for the slot
-- go live. Nothing of the former slot's life is compared with the new one's. Passes that still believe in
-- it find another generation.
--
-- p_reason    why (slot_fault); not_made: it is the first one
-- p_slot_lsn  from where on the new slot sends
--
-- Tables that the publication does not have yet, because they were in use, stay `starting`, as do those that cannot
-- be read now, because somebody alters them: repair_candidates has both. All is read before the log lock is taken.
--
-- Locks: the row of capture, rows of published, the log lock.
create or replace function ampsync_private.open_gap(
  p_reason   text,
  p_slot_lsn pg_lsn
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now      timestamptz := ampsync_private.now();
  v_why      jsonb := jsonb_build_object('code', p_reason, 'reason', ampsync_private.gap_text(p_reason));
  v_capture  ampsync_private.capture;
  v_tables   integer[];
  v_id       integer;
  v_forms    jsonb := '{}'; -- Columns and storage, by published_id.
  v_live     text[];
  v_position bigint;
begin
  perform ampsync_private.commit_durably();
  select c.* into v_capture from ampsync_private.capture c for no key update;
  v_tables := array(
    select p.published_id
      from ampsync_private.published p
     where p.mode = 'rows' and p.state in ('starting', 'live')
       and exists (select from pg_class c where c.oid = p.relation)
     order by p.published_id
       for no key update);
  v_live := array(
    select p.relation::text
      from ampsync_private.published p
     where p.published_id = any (v_tables) and p.floor is not null -- It was live.
     order by p.published_id);
  v_tables := array(select unnest(v_tables) except select * from ampsync_private.repair_candidates(true));

  foreach v_id in array v_tables loop
    begin
      v_forms := v_forms || (select jsonb_build_object(v_id::text, jsonb_build_object(
                                        'columns', ampsync_private.published_columns(p.relation),
                                        'storage', ampsync_private.published_storage(p.relation)))
                                 from ampsync_private.published p
                                where p.published_id = v_id);
    exception
      when lock_not_available then
        v_tables := array_remove(v_tables, v_id);
        update ampsync_private.published p
           set state = 'starting',
               since = v_now,
               error = jsonb_build_object('code', '55P03', 'message', 'somebody alters it',
                                          'hint', 'select * from ampsync.doctor();')
         where p.published_id = v_id;
    end;
  end loop;

  perform ampsync_private.schedule_capture();
  if v_tables <> '{}' then -- All that can wait for somebody comes before.
    v_position := ampsync_private.log_entry('floor', v_tables, v_why, p_slot_lsn);
  end if;
  update ampsync_private.published p
     set schema_name      = n.nspname,
         table_name       = c.relname,
         columns          = v_forms #> array[p.published_id::text, 'columns'],
         storage          = v_forms #> array[p.published_id::text, 'storage'],
         seen             = null,
         state            = 'live',
         floor            = v_position,
         rebuildable_from = v_position,
         published_lsn    = p_slot_lsn,
         since            = v_now,
         error            = null
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where p.published_id = any (v_tables)
     and c.oid = p.relation;

  update ampsync_private.capture c
     set end_lsn          = p_slot_lsn,
         slot_created_lsn = p_slot_lsn,
         slot_system      = (select y.system_identifier from pg_control_system() y),
         slot_database    = (select d.oid from pg_database d where d.datname = current_database()),
         commit_lsn       = null,
         idle_lsn         = null,
         received_lsn     = null,
         leftover         = c.leftover || case when c.large_tx is null then '{}' else array[c.large_tx] end,
         large_tx         = null,
         large_notes      = null,
         tables_stamp     = null,
         generation       = c.generation + 1,
         worker_id        = null,
         acquired_at      = null,
         attempts         = 0,
         next_retry       = null,
         error            = null,
         skip_lsn         = null,
         beat_sent_at     = null,
         beat_seen_at     = null,
         phase            = null,
         gap_reason       = null,
         unused_since     = null;

  perform ampsync_private.journal(null, 'slot_created',
            v_why || jsonb_build_object('slot', v_capture.slot, 'lsn', p_slot_lsn));
  if p_reason = 'slot_advanced' then
    perform ampsync_private.journal(null, 'slot_advanced', jsonb_build_object('log_lsn', v_capture.end_lsn));
  end if;
  if v_live <> '{}' then
    perform ampsync_private.journal(null, 'capture_gap',
              v_why || jsonb_build_object('tables', to_jsonb(v_live), 'position', v_position));
  end if;
  perform ampsync_private.journal(null, 'table_live', jsonb_build_object('table', t.name, 'position', v_position))
     from (select p.relation::text as name
             from ampsync_private.published p
            where p.published_id = any (v_tables) and p.relation::text <> all (v_live)
            order by p.published_id) t;
end;
$$;

comment on function ampsync_private.open_gap(text, pg_lsn)
  is 'Let the log go on with a new slot: a new floor for each captured table.';
