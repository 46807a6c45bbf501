-- What to do about work that no worker is doing: start a worker, or, if some are alive, see
-- what keeps them busy. Reads nothing itself: views call it, and functions in a view run with
-- the rights of their reader.
create or replace function ampsync_private.idle_hint(
  p_has_workers boolean
)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case when p_has_workers then 'Its job waits for a free worker: select * from ampsync.jobs;'
              else 'Start a worker (npx ampsync worker), then: select * from ampsync.jobs;' end;
end;
$$;

comment on function ampsync_private.idle_hint(boolean)
  is 'What to do about work that no worker is doing.';
