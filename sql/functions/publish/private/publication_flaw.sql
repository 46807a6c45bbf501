-- The first thing about the publication that is not as we made it; null: there is none.
--   missing, all_tables, options
--   schema    all tables of a schema were added
--   stranger  a table was added that is not published
--   table     one that is published is not in it as it was put there, or has another replica identity
create or replace function ampsync_private.publication_flaw()
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_publication pg_publication;
begin
  select p.* into v_publication from pg_publication p where p.pubname = 'ampsync';
  return case
    when v_publication.oid is null then 'missing'
    when v_publication.puballtables then 'all_tables'
    when not (v_publication.pubinsert and v_publication.pubupdate and v_publication.pubdelete
              and v_publication.pubtruncate and v_publication.pubviaroot)
      or to_jsonb(v_publication) ->> 'pubgencols' <> 's' then 'options'
    when exists (select from pg_publication_namespace s where s.pnpubid = v_publication.oid) then 'schema'
    when exists (select from ampsync_private.publication_strangers()) then 'stranger'
    when exists (select from ampsync_private.repair_candidates()) then 'table'
  end;
end;
$$;

comment on function ampsync_private.publication_flaw()
  is 'The first thing about the publication that is not as we made it; null: there is none.';
