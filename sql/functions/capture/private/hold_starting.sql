-- Tables of mode rows that are to go live, published below p_lsn; their rows are locked. One that somebody else
-- holds, such as an open `publish`, is left for the next time: nothing of it is stored until then, and nobody
-- waits. So is one that could not be put into the publication, being in use: its changes are not told.
create or replace function ampsync_private.hold_starting(
  p_lsn pg_lsn
)
  returns integer[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return array(select s.published_id
                 from (select p.published_id
                         from ampsync_private.published p
                        where p.mode = 'rows'
                          and p.state = 'starting'
                          and p.relation is not null
                          and p.published_lsn < p_lsn
                          and p.error is null
                          and not exists (select 1
                                            from pg_publication u
                                           where u.pubname = 'ampsync'
                                             and not exists (select 1
                                                               from pg_publication_rel r
                                                              where r.prpubid = u.oid and r.prrelid = p.relation))
                        order by p.published_id
                          for no key update skip locked) s
                order by 1);
end;
$$;

comment on function ampsync_private.hold_starting(pg_lsn)
  is 'Lock the captured tables that are to go live below a place in WAL.';
