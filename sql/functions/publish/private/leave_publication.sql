-- Takes a table out of the publication `ampsync`, if it is in it. Locks: none; the caller holds the table.
create or replace function ampsync_private.leave_publication(
  p_relation regclass
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select 1
               from pg_publication_rel r
               join pg_publication p on p.oid = r.prpubid
              where p.pubname = 'ampsync' and r.prrelid = p_relation) then
    execute format('alter publication ampsync drop table only %s', p_relation);
  end if;
end;
$$;

comment on function ampsync_private.leave_publication(regclass)
  is 'Take a table out of the publication, if it is in it.';
