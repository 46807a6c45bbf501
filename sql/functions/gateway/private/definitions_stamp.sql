-- What tells one set of definitions from another: shapes, publications, limits. Gateways keep definitions in memory and
-- compare it before they send anything. Of rows and not of a counter, so nobody waits for a transaction that changes a
-- definition and stays open; and not of the newest row alone, for such a transaction commits late. With the epoch: a
-- server that was set back gives the numbers of rows out again.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.definitions_stamp()
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select format('%s:%s:%s:%s', (select e.epoch from ampsync_private.log_epoch e order by e.number desc limit 1),
                  count(*), coalesce(max(d.id), 0), coalesce(sum(hashint8extended(d.id, 0)), 0))
      from ampsync_private.definition_change d);
end;
$$;

comment on function ampsync_private.definitions_stamp()
  is 'What tells one set of definitions from another; to be compared only.';
