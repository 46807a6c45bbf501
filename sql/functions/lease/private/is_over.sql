-- Whether another worker may take a lease: it was released, it has expired, or its holder is dead.
create or replace function ampsync_private.is_over(
  p_lease ampsync_private.lease
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(p_lease.lease_until <= ampsync_private.now(), true)
         or ampsync_private.worker_is_dead(p_lease.holder);
end;
$$;

comment on function ampsync_private.is_over(ampsync_private.lease)
  is 'Whether another worker may take a lease.';
