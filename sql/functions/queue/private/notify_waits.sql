-- Whether a NOTIFY might have to wait: a transaction that notified and waits for a standby holds
-- the lock that every other one needs until it is over.
create or replace function ampsync_private.notify_waits()
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select 1
                   from pg_locks k
                  where k.locktype = 'object' and k.classid = 'pg_database'::regclass
                    and k.objid = 0 and k.granted);
end;
$$;

comment on function ampsync_private.notify_waits()
  is 'Whether another transaction holds the lock that a NOTIFY needs.';
