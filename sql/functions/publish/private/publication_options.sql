-- The options of the publication `ampsync` that are not PostgreSQL's own: rows of partitions are told as those of their
-- root, and only stored columns that are generated may stand in it, which PostgreSQL 18 needs said.
create or replace function ampsync_private.publication_options()
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select 'publish_via_partition_root = true'
         || case when current_setting('server_version_num')::integer >= 180000
                 then ', publish_generated_columns = stored' else '' end;
$$;

comment on function ampsync_private.publication_options()
  is 'The options of our publication that are not those of PostgreSQL itself.';
