-- The statement that makes our slot. It fails over to standbys from PostgreSQL 17 on.
create or replace function ampsync_private.slot_statement()
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select format(case when current_setting('server_version_num')::integer >= 170000
                     then 'select pg_create_logical_replication_slot(%L, ''pgoutput'', failover => true)'
                     else 'select pg_create_logical_replication_slot(%L, ''pgoutput'')' end, c.slot)
    from ampsync_private.capture c;
$$;

comment on function ampsync_private.slot_statement()
  is 'The statement that makes our slot.';
