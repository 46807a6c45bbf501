-- Ends the publication of all captured tables, as before ampsync is taken out of a database: their replica
-- identities are put back, where nobody uses them at the moment, and the publication is dropped. The
-- slot is left to the caller, who drops it last of all, for that is not taken back by a rollback.
--
-- Locks: the tables, as lock_to_publish; rows of published.
create or replace function ampsync_private.end_publishing()
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform ampsync_private.unpublish_table(p.published_id)
     from ampsync_private.published p
     join pg_class c on c.oid = p.relation
    where p.mode = 'rows'
    order by p.relation::oid;
  while ampsync_private.put_identity_back() is not null loop
    null; -- What is in use is not tried again.
  end loop;
  if exists (select 1
               from pg_publication p
              where p.pubname = 'ampsync' and pg_has_role(p.pubowner, 'usage')
                and exists (select from ampsync_private.published)) then
    execute 'drop publication ampsync';
  end if;
end;
$$;

comment on function ampsync_private.end_publishing()
  is 'End the publication of all captured tables, before ampsync is taken out of a database.';
