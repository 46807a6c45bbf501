-- The version of ampsync that this schema belongs to: that of the `ampsync migrate` which
-- changed it last. Runs with its owner's rights, so that readers without rights on our tables
-- can call it.
create or replace function ampsync.version()
  returns text
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select s.version
    from ampsync_private.source s
   where s.name = 'functions';
$$;

comment on function ampsync.version()
  is 'Version of ampsync that installed the functions of this schema.';
