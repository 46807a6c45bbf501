-- Whether a stream in this state has no passes, until somebody decides or its resync ends; or it has
-- nothing left to do.
create or replace function ampsync_private.is_halted(
  p_state text
)
  returns boolean
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return p_state in ('paused', 'failed', 'orphaned', 'resyncing', 'former', 'complete');
end;
$$;

comment on function ampsync_private.is_halted(text)
  is 'Whether a stream in this state has no passes.';
