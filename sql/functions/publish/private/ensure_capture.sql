-- Makes the one row of `capture` if there is none yet: what is first published or configured needs it.
-- The slot is named by the database, for slots belong to the cluster.
create or replace function ampsync_private.ensure_capture()
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  insert into ampsync_private.capture (slot, since)
  select 'ampsync_' || d.oid, ampsync_private.now()
    from pg_database d
   where d.datname = current_database()
     and not exists (select from ampsync_private.capture)
  on conflict do nothing;
$$;

comment on function ampsync_private.ensure_capture()
  is 'Make the row of capture if there is none yet.';
