-- A version for a change of tables that was found, not written by the application: the present one with the next build
-- number, such as 1.5.0+1. Equal to it in every range of versions. Returns its name. A migration that is under way in
-- another transaction may have the same place in order (ordinal): it is not waited for.
--
-- p_statements  as client_statements gives them: kept for clients as the migration `found_` and the version. Null
--               where clients cannot follow by statements and load tables anew
--
-- Locks: the log lock.
create or replace function ampsync_private.found_version(
  p_statements jsonb
)
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_present   text;
  v_version   text;
  v_migration text;
begin
  perform ampsync_private.lock_log(); -- Tables of datasets may be found changed at the same time.
  v_present := ampsync_private.present_version();
  v_version := split_part(v_present, '+', 1) || '+'
               || (coalesce(nullif(split_part(v_present, '+', 2), ''), '0')::bigint + 1);
  v_migration := case when p_statements is not null then 'found_' || v_version end;

  insert into ampsync_private.schema_version
         (version, ordinal, migration, breaking, min_client, created_at)
  select v_version, coalesce(max(v.ordinal), 0) + 1, v_migration, false,
         coalesce((array_agg(v.min_client order by v.ordinal desc))[1], '0.0.0'), ampsync_private.now()
    from ampsync_private.schema_version v;

  if v_migration is not null then
    insert into ampsync.client_migration (id, migrationname, timestamp, upqueries, downqueries)
    values (gen_random_uuid(), v_migration, (extract(epoch from ampsync_private.now()) * 1000)::bigint,
            p_statements -> 'up', p_statements -> 'down');
    insert into ampsync_private.migration_statement (migration, direction, n, touches)
    select v_migration, 'up', s.n - 1, s.touches
      from jsonb_array_elements(p_statements -> 'touches') with ordinality s(touches, n)
    union all
    select v_migration, 'down', s.n - 1, s.touches
      from jsonb_array_elements(p_statements -> 'touches_down') with ordinality s(touches, n);
  end if;
  return v_version;
end;
$$;

comment on function ampsync_private.found_version(jsonb)
  is 'A version with the next build number, for a change of tables that was found.';
