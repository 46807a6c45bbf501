-- Our replication slot; no row: there is none. One of the same name in another database is not ours:
-- PostgreSQL lets any database of the cluster drop it, so nothing is done to a slot that this does
-- not find.
create or replace function ampsync_private.our_slot()
  returns table (slot_name name, plugin name, active_pid integer, restart_lsn pg_lsn, confirmed_flush_lsn pg_lsn,
                 wal_status text, safe_wal_size bigint)
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select s.slot_name, s.plugin, s.active_pid, s.restart_lsn, s.confirmed_flush_lsn, s.wal_status, s.safe_wal_size
    from pg_replication_slots s
   where s.slot_name = (select c.slot from ampsync_private.capture c)
     and s.database = current_database();
$$;

comment on function ampsync_private.our_slot()
  is 'Our replication slot, if there is one.';
