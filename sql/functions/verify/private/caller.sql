-- The calling role, seen from inside a function that runs with its owner's rights: the role
-- that was set, or the one that connected.
--
-- While PostgreSQL runs code of a table's owner on behalf of another role (ANALYZE, REINDEX or autovacuum an
-- index function, REFRESH MATERIALIZED VIEW a query), that owner would pass for whoever has the session. It then
-- refuses UNLISTEN, which does nothing otherwise, for a channel that nobody listens to, and is allowed where
-- nothing may be written and on a standby. Therefore raises 42501.
create or replace function ampsync_private.caller()
  returns name
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  unlisten ampsync_nobody;
  return coalesce(nullif(current_setting('role'), 'none'), session_user);
exception
  when insufficient_privilege then
    raise exception using
      errcode = '42501',
      message = 'functions of ampsync cannot be called from an index or a materialized view',
      detail  = 'PostgreSQL runs the code of its owner there, in a session of anybody: the caller is not known.',
      hint    = 'Call the function in a statement of its own.';
end;
$$;

comment on function ampsync_private.caller()
  is 'The calling role, even inside functions that run with their owner''s rights; 42501 if it is not known.';
