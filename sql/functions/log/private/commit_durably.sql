-- Makes the commit of the caller's transaction wait for the disk, also where `synchronous_commit`
-- is off by default: else a crash takes away what others saw already, and the same position, or
-- the same WAL, is handed out again. A stronger setting stays as it is.
create or replace function ampsync_private.commit_durably()
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'local', true);
  end if;
end;
$$;

comment on function ampsync_private.commit_durably()
  is 'Let the commit of this transaction wait for the disk at least.';
