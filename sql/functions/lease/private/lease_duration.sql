-- How long a lease lasts after its last heartbeat. Heartbeats come every 5 s, so six in a row
-- must fail before another worker may take over.
create or replace function ampsync_private.lease_duration()
  returns interval
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return interval '30 s';
end;
$$;

comment on function ampsync_private.lease_duration()
  is 'How long a lease, and a worker, counts as alive after its last heartbeat.';
