-- Sets how WAL is read and how much of it may be kept; returns what holds from now on. What is left
-- out keeps its value, so that a call without arguments only shows.
--
-- mode               stream: pushed over a replication connection. poll: asked for by ordinary ones, for
--                    poolers and hosts that let no other through
-- poll_interval      100 ms to 1 h
-- wal_limit          as in '8GB', at least 16MB: the slot is dropped where it keeps more, and the log goes
--                    on behind a gap. 'none'
-- require_wal_limit  ampsync.publish refuses application tables (SY403) while max_slot_wal_keep_size is -1
-- history_retention  as in '90 days', 1 hour at least: what is older may be removed once no client needs it. 'forever'
--
-- Refused with SY004: another value. Locks: the row of capture, where something changes.
create or replace function ampsync.configure_capture(
  inout mode              text     default null,
  inout poll_interval     interval default null,
  inout wal_limit         text     default null,
  inout require_wal_limit boolean  default null,
  inout history_retention text     default null
)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
#variable_conflict use_column
declare
  v_bytes bigint;
  v_kept  interval;
  v_was   ampsync_private.capture;
  v_is    ampsync_private.capture;
begin
  begin
    v_bytes := case when configure_capture.wal_limit <> 'none' then pg_size_bytes(configure_capture.wal_limit) end;
    v_kept := case when configure_capture.history_retention <> 'forever'
                   then configure_capture.history_retention::interval end;
  exception
    when others then
      raise exception using
        errcode = 'SY004',
        message = 'wal_limit or history_retention cannot be read',
        detail  = sqlerrm,
        hint    = 'select * from ampsync.configure_capture(wal_limit => ''8GB'', history_retention => ''90 days'');';
  end;
  if configure_capture.mode not in ('stream', 'poll') or v_bytes < 16777216 or v_kept < interval '1 h'
     or configure_capture.poll_interval not between interval '100 ms' and interval '1 h' then
    raise exception using
      errcode = 'SY004',
      message = 'capture cannot be configured so',
      detail  = 'mode is stream or poll, poll_interval 100 ms to 1 h, wal_limit at least 16MB, '
             || 'history_retention at least 1 h, or forever.',
      hint    = 'select * from ampsync.configure_capture(mode => ''stream'', poll_interval => ''1 s'');';
  end if;

  if not exists (select from ampsync_private.capture) then
    perform ampsync_private.ensure_capture();
  end if;
  select c.* into v_was from ampsync_private.capture c;
  v_is := v_was;
  v_is.mode := coalesce(configure_capture.mode, v_was.mode);
  v_is.poll_interval := coalesce(configure_capture.poll_interval, v_was.poll_interval);
  v_is.wal_limit := case when configure_capture.wal_limit is null then v_was.wal_limit else v_bytes end;
  v_is.require_wal_limit := coalesce(configure_capture.require_wal_limit, v_was.require_wal_limit);
  v_is.history_retention := case when configure_capture.history_retention is null then v_was.history_retention
                                 else v_kept end;
  if v_is is distinct from v_was then -- Who only looks, in a transaction that stays open, holds up no pass.
    update ampsync_private.capture c
       set mode              = v_is.mode,
           poll_interval     = v_is.poll_interval,
           wal_limit         = v_is.wal_limit,
           require_wal_limit = v_is.require_wal_limit,
           history_retention = v_is.history_retention,
           generation        = c.generation + (c.mode <> v_is.mode)::integer, -- The pass under way ends.
           worker_id         = case when c.mode = v_is.mode then c.worker_id end,
           acquired_at       = case when c.mode = v_is.mode then c.acquired_at end;
    perform ampsync_private.schedule_supervisor(); -- It queues the next pass.
  end if;

  mode := v_is.mode;
  poll_interval := v_is.poll_interval;
  wal_limit := coalesce(pg_size_pretty(v_is.wal_limit), 'none');
  require_wal_limit := v_is.require_wal_limit;
  history_retention := coalesce(v_is.history_retention::text, 'forever');
end;
$$;

comment on function ampsync.configure_capture(text, interval, text, boolean, text)
  is 'Set how WAL is read, how much of it may be kept, and how long history is; without arguments it only shows that.';
