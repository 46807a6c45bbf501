-- Where the log stands in the snapshot of the caller, for rows of shapes that are read in it: so its transaction is
-- REPEATABLE READ. visible is what tells which entries the rows hold (read_shapes). On a primary alone: on a standby
-- that would leave running transactions out.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_worker.log_point()
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object(
             'epoch', (select e.epoch from ampsync_private.log_epoch e order by e.number desc limit 1),
             'position', h.position::text, 'stamp', ampsync_private.log_stamp(h.position)::text,
             'visible', pg_current_snapshot()::text, 'lsn', pg_current_wal_insert_lsn()::text,
             'schema', ampsync_private.present_version(), 'now', ampsync_private.utc_text(ampsync_private.now()))
      from ampsync_private.log_head() h(position));
end;
$$;

comment on function ampsync_worker.log_point()
  is 'Where the log stands in the snapshot of the caller, for rows that are read in it.';
