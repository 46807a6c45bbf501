-- How much WAL our slot keeps, and because of what.
--
-- retained   bytes
-- behind     bytes that capture has not acknowledged: the part that it could free
-- share      of wal_limit, or for is_foreign of twice that; null: there is no limit
-- is_foreign most of it is kept for a transaction of others that is still open: making a new slot would
--            gain nothing, since it would wait for the same one. It may keep twice as much
-- to_limit   how long it takes at the present rate until the slot is dropped
create or replace function ampsync_private.wal_budget(
  p_capture ampsync_private.capture
)
  returns table (retained bigint, behind bigint, share float8, is_foreign boolean, to_limit interval)
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select w.retained, w.behind, w.retained::float8 / w.wal_limit, w.is_foreign,
         case when p_capture.wal_per_s > 0
              then make_interval(secs => least(greatest(0, w.wal_limit - w.retained) / p_capture.wal_per_s, 1e8)) end
    from (select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), s.restart_lsn)::bigint as retained,
                 greatest(0, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), s.confirmed_flush_lsn))::bigint as behind,
                 f.is_foreign,
                 case when f.is_foreign then 2 else 1 end * p_capture.wal_limit as wal_limit
            from ampsync_private.our_slot() s
           cross join lateral (
             select s.confirmed_flush_lsn is null
                    or pg_wal_lsn_diff(pg_current_wal_insert_lsn(), s.confirmed_flush_lsn)
                       < pg_wal_lsn_diff(pg_current_wal_insert_lsn(), s.restart_lsn) / 2 as is_foreign) f
           where s.restart_lsn is not null) w;
$$;

comment on function ampsync_private.wal_budget(ampsync_private.capture)
  is 'How much WAL our slot keeps, and because of what.';
