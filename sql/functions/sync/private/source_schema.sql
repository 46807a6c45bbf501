-- The schema part of a table reference in the SQL of an Amp server: `namespace/name@version`. Servers without
-- namespaces (October 2025) call a dataset `name`, and a fixed version of it `name__1_2_3`.
create or replace function ampsync_private.source_schema(
  p_dataset ampsync_private.dataset,
  p_version text
)
  returns text
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when (p_dataset).has_namespaces
                then format('%s/%s@%s', (p_dataset).namespace, (p_dataset).name, p_version)
              when coalesce((p_dataset).revision, 'dev') = 'dev' then (p_dataset).name -- Follows a tag.
              else (p_dataset).name || '__' || replace(p_version, '.', '_') end;
$$;

comment on function ampsync_private.source_schema(ampsync_private.dataset, text)
  is 'The schema part of a table reference in the SQL of an Amp server.';
