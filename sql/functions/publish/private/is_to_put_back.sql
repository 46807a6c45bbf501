-- Whether replica identities are to be put back now. p_put_back: published.put_back, {"relation", "error" with
-- which it failed, "again": from when on it is tried again}.
create or replace function ampsync_private.is_to_put_back(
  p_put_back jsonb
)
  returns boolean
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select p_put_back is not null
         and coalesce((p_put_back ->> 'again')::timestamptz < ampsync_private.now(), true);
$$;

comment on function ampsync_private.is_to_put_back(jsonb)
  is 'Whether replica identities of a table that is not published any more are to be put back now.';
