-- The position of the log at a time, or at a place in WAL: the last one before the first entry that was
-- committed later. Commit times do not rise with positions, since captured transactions come into the log
-- when they are read: what was committed until then, and read later, is missing below it.
--
-- For a time in the future it is the head. SY406 for one before the floor of the log. A place in WAL is one of
-- the present slot's life (SY406), up to which WAL was read into the log (SY405).
create or replace function ampsync.position_at("time" timestamptz)
  returns bigint
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_floor  bigint := coalesce((select c.log_floor from ampsync_private.capture c), 0);
  v_low    bigint := v_floor; -- All up to here was recorded until then.
  v_high   bigint := ampsync_private.log_head() + 1;
  v_middle record;
  v_next   bigint;
begin
  -- Entries are recorded in their order, and not before they were committed.
  while v_low + 1 < v_high loop
    select t.position, t.recorded_at into v_middle
      from ampsync_private.change_tx t
     where t.position > v_low + (v_high - v_low - 1) / 2
     order by t.position
     limit 1;
    if v_middle.position is null or v_middle.position >= v_high or v_middle.recorded_at > "time" then
      v_high := v_low + (v_high - v_low - 1) / 2 + 1;
    else
      v_low := v_middle.position;
    end if;
  end loop;

  select t.position into v_next
    from ampsync_private.change_tx t
   where t.position > v_low
     and t.committed_at > "time"
   order by t.position
   limit 1;
  if v_next = (select min(t.position) from ampsync_private.change_tx t) and v_floor > 0 or "time" is null then
    raise exception using
      errcode = 'SY406',
      message = format('the log does not reach back to %s', coalesce("time"::text, 'null')),
      detail  = format('Its floor is %s.', v_floor),
      hint    = 'select min("timestamp") from ampsync.change_history;';
  end if;
  return coalesce((select max(t.position) from ampsync_private.change_tx t where t.position < v_next),
                  case when v_next is null then ampsync_private.log_head() else v_floor end);
end;
$$;

comment on function ampsync.position_at(timestamptz)
  is 'The position of the log at a time: the last one before the first entry that was committed later.';

create or replace function ampsync.position_at(lsn pg_lsn)
  returns bigint
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_capture ampsync_private.capture;
  v_next    bigint;
begin
  select * into v_capture from ampsync_private.capture;
  if v_capture.slot_created_lsn is null or lsn is null or lsn < v_capture.slot_created_lsn then
    raise exception using
      errcode = 'SY406',
      message = format('%s is no place in WAL that the log knows', coalesce(lsn::text, 'null')),
      detail  = format('WAL was read from %s on.', coalesce(v_capture.slot_created_lsn::text, 'nowhere')),
      hint    = 'select ampsync.position_at(''2026-11-28 12:00+00''::timestamptz);';
  elsif lsn > greatest(v_capture.end_lsn, v_capture.idle_lsn) then
    raise exception using
      errcode = 'SY405',
      message = format('WAL was not read up to %s yet', lsn),
      detail  = format('It was read up to %s.', greatest(v_capture.end_lsn, v_capture.idle_lsn)),
      hint    = 'call ampsync.wait_for_capture();';
  end if;
  select t.position into v_next
    from ampsync_private.change_tx t
   where t.kind = 'rows'
     and t.lsn > position_at.lsn
     and t.position > ampsync_private.xid_horizon()
   order by t.lsn
   limit 1;
  return coalesce((select max(t.position) from ampsync_private.change_tx t where t.position < v_next),
                  case when v_next is null then ampsync_private.log_head() else v_capture.log_floor end);
end;
$$;

comment on function ampsync.position_at(pg_lsn)
  is 'The position of the log at a place in WAL: the last one before the first transaction that committed beyond it.';
