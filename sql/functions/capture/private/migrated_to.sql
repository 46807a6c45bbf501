-- The version that the message ampsync/migration {version, name, direction, hash} announces, in a transaction; null
-- unless that transaction wrote that version, for that migration, the hash is that of what it runs (SHA-256 of its
-- queries as text, in hexadecimal), and the log has no entry of it. Without the first anybody who can guess the rest
-- could have the entry stand elsewhere, while capture is behind.
create or replace function ampsync_private.migrated_to(
  p_message jsonb,
  p_xid     xid8
)
  returns text
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select v.version
    from ampsync_private.schema_version v
    join ampsync.client_migration m
      on m.migrationname = v.migration
   where v.version = p_message ->> 'version'
     and v.migration = p_message ->> 'name'
     and v.xid = p_xid
     and p_message ->> 'hash' = encode(sha256(convert_to((
           case p_message ->> 'direction' when 'up' then m.upqueries when 'down' then m.downqueries end)::text,
           'UTF8')), 'hex')
     and v.position is null
     and not exists (select 1
                       from ampsync_private.change_tx t
                      where t.kind = 'schema' and t.schema_version = v.version
                         and t.details ->> 'migration' = v.migration);
$$;

comment on function ampsync_private.migrated_to(jsonb, xid8)
  is 'The version that a message announces, if there is such a migration and the log does not have it.';
