-- Makes the publication `ampsync`, without tables: it is explicit, for the log must not capture itself.
create or replace function ampsync_private.create_publication()
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  execute format('create publication ampsync with (%s)', ampsync_private.publication_options());
end;
$$;

comment on function ampsync_private.create_publication()
  is 'Make the publication, without tables.';
