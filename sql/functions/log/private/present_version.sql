-- The version of the application's schema at the head of the log; 0.0.0 before any migration. One that was
-- migrated to but is not in the log yet is none: captured rows before it are of the version before.
--
-- In PL/pgSQL, which keeps plans: it runs under the log lock.
create or replace function ampsync_private.present_version()
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((select v.version
                     from ampsync_private.schema_version v
                    where v.position is not null
                    order by v.position desc, v.ordinal desc
                    limit 1), '0.0.0');
end;
$$;

comment on function ampsync_private.present_version()
  is 'The version of the application''s schema at the head of the log.';
