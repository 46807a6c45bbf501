-- Captured tables whose columns are others than noted, as the catalogue has them once a migration is visible:
-- {published_id: {"columns", "attributes": {number: the transaction that wrote the record of that column}}}. To be read
-- before the log lock, which every commit of a published dataset waits for; note_migration says which are its result.
--
-- One that somebody else is changing at the moment is not waited for: it is found as if there were no migration.
--
-- Locks: ACCESS SHARE on tables (published_columns), for 20 ms at most.
create or replace function ampsync_private.migrated_tables()
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '20ms'
as $$
declare
  v_table ampsync_private.published;
  v_found jsonb;
  v_all   jsonb := '{}';
begin
  for v_table in
    select p.*
      from ampsync_private.published p
     where p.mode = 'rows'
       and p.state = 'live'
     order by p.published_id
  loop
    begin
      select jsonb_build_object(
               'columns', c.columns,
               'attributes', ampsync_private.published_storage(v_table.relation) -> 'attributes') into v_found
        from (select ampsync_private.published_columns(v_table.relation) as columns offset 0) c
       where c.columns <> v_table.columns;
    exception
      when lock_not_available then
        continue;
    end;
    if v_found is not null then
      v_all := v_all || jsonb_build_object(v_table.published_id::text, v_found);
    end if;
  end loop;
  return v_all;
end;
$$;

comment on function ampsync_private.migrated_tables()
  is 'Captured tables whose columns are others than noted, as the catalogue has them.';
