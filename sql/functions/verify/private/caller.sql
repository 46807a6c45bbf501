-- The calling role, seen from inside a function that runs with its owner's rights: the role
-- that was set, or the one that connected.
create or replace function ampsync_private.caller()
  returns name
  language sql
  stable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(nullif(current_setting('role'), 'none'), session_user)::name;
$$;

comment on function ampsync_private.caller()
  is 'The calling role, even inside functions that run with their owner''s rights.';
