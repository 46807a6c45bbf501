-- Whether new versions of a dataset are looked for: it follows a tag, it was found, and it is not
-- paused. Failed streams do not count: a new version may be what they need.
create or replace function ampsync_private.is_polled(
  p_dataset ampsync_private.dataset
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((p_dataset).revision, 'dev') = 'dev' -- Anything else is a fixed version.
     and coalesce((p_dataset).resolved_version, (p_dataset).resolved_hash) is not null
     and not ampsync_private.is_paused(p_dataset);
end;
$$;

comment on function ampsync_private.is_polled(ampsync_private.dataset)
  is 'Whether new versions of a dataset are looked for.';
