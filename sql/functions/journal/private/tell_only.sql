-- Says that the transaction of the caller only tells something: its commit waits
-- neither for the disk nor for a standby, so nobody hangs who only wants to say why
-- something else does. A crash may forget it, and state is found anew then.
-- Never in a transaction that writes rows, or grants a lease.
create or replace function ampsync_private.tell_only()
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select set_config('synchronous_commit', 'off', true);
$$;

comment on function ampsync_private.tell_only()
  is 'Let the commit of this transaction wait for nothing.';
