-- Whether there is a table that is read from WAL, or shall be.
create or replace function ampsync_private.is_capturing()
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select exists (select 1
                   from ampsync_private.published p
                  where p.mode = 'rows'
                    and p.state <> 'ended');
$$;

comment on function ampsync_private.is_capturing()
  is 'Whether there is a table that is read from WAL, or shall be.';
