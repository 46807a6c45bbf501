-- Does one thing about a publication that is not what we made (publication_flaw), and says what; null,
-- nothing is left to do. It is made, or made anew, only while there is no slot (tend_publication).
--
-- Locks: tables that are put in or taken out, 300 ms at a time; a row of published.
create or replace function ampsync_private.repair_publication()
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_flaw text := ampsync_private.publication_flaw();
  v_name text;
begin
  case v_flaw
    when 'missing' then
      perform ampsync_private.create_publication();
      return 'publication_created';
    when 'all_tables' then
      execute 'drop publication ampsync';
      return 'publication_dropped';
    when 'options' then
      execute format('alter publication ampsync set (publish = ''insert, update, delete, truncate'', %s)',
                     ampsync_private.publication_options());
      perform ampsync_private.restart_tables('another option of the publication');
    when 'schema' then
      select n.nspname into v_name
        from pg_publication_namespace s
        join pg_publication p on p.oid = s.pnpubid and p.pubname = 'ampsync'
        join pg_namespace n on n.oid = s.pnnspid
       limit 1;
      execute format('alter publication ampsync drop tables in schema %I', v_name);
      perform ampsync_private.journal(null, 'publication_repaired', jsonb_build_object('schema_out', v_name));
    when 'stranger' then
      select s::text into v_name from ampsync_private.publication_strangers() s limit 1;
      execute format('alter publication ampsync drop table only %s', v_name);
      perform ampsync_private.journal(null, 'publication_repaired', jsonb_build_object('table_out', v_name));
    when 'table' then
      perform ampsync_private.repair_table((select r from ampsync_private.repair_candidates() r limit 1));
    else
      return null;
  end case;
  return 'publication_repaired';
end;
$$;

comment on function ampsync_private.repair_publication()
  is 'Do one thing about a publication that is not what we made; null: nothing is left to do.';
