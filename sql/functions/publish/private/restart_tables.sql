-- Lets all captured tables start anew: rows of theirs may be missing, and a floor follows for each.
--
-- Locks: their rows.
create or replace function ampsync_private.restart_tables(
  p_reason text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform p.published_id
     from ampsync_private.published p
    where p.mode = 'rows' and p.state = 'live'
    order by p.published_id
      for no key update;
  update ampsync_private.published p
     set state         = 'starting',
         since         = ampsync_private.now(),
         published_lsn = pg_current_wal_insert_lsn(),
         storage       = p.storage || jsonb_build_object('publication',
                           ampsync_private.published_storage(p.relation) -> 'publication')
   where p.mode = 'rows' and p.state = 'live';
  perform pg_logical_emit_message(true, 'ampsync/mark', ''); -- On an idle server they go live all the same.
  perform ampsync_private.journal(null, 'publication_repaired', jsonb_build_object('reason', p_reason));
end;
$$;

comment on function ampsync_private.restart_tables(text)
  is 'Let all captured tables start anew.';
