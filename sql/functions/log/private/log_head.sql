-- The newest position of the log in the caller's snapshot; the floor of the log if it has no
-- entry, 0 if it never had one. Never from the sequence: that is ahead of what is committed.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.log_head()
  returns bigint
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce((select max(t.position) from ampsync_private.change_tx t),
                    (select c.log_floor from ampsync_private.capture c),
                    0));
end;
$$;

comment on function ampsync_private.log_head()
  is 'The newest position of the log in this snapshot.';
