-- What tells one life of this database from another: a copied data folder has another start of the
-- server, a promoted standby another timeline, a restored dump another cluster or database. The
-- timeline is read from the name of the WAL file, which is right at once after a promotion.
--
-- In PL/pgSQL, which keeps plans: it runs under the log lock.
create or replace function ampsync_private.server_identity(
  out system_identifier bigint,
  out timeline          integer,
  out database_oid      oid,
  out server_started_at timestamptz
)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  system_identifier := (select c.system_identifier from pg_control_system() c);
  timeline := ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer;
  database_oid := (select d.oid from pg_database d where d.datname = current_database());
  server_started_at := pg_postmaster_start_time();
end;
$$;

comment on function ampsync_private.server_identity()
  is 'Cluster, timeline, database and start of the server: what tells one life of the log from another.';
