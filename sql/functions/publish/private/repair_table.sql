-- Puts a captured table back into the publication as it has to stand there, with the replica
-- identity that it needs, and lets it start anew: what was written meanwhile may be missing, so a floor
-- follows. Where PostgreSQL would refuse UPDATE and DELETE on whole old rows, its identity becomes
-- `key`. A table that is in use is left for 10 s: the reason is its error.
--
-- Locks: the table as lock_to_publish, for 2 s at most; its row.
create or replace function ampsync_private.repair_table(
  p_published_id integer
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_table  ampsync_private.published;
  v_before jsonb;
  v_code   text;
  v_error  text;
  v_detail text;
  v_hint   text;
begin
  select p.* into v_table from ampsync_private.published p where p.published_id = p_published_id;
  if v_table.identity = 'full' and ampsync_private.full_obstacle(v_table.relation) is not null then
    v_table.identity := 'key';
  end if;
  begin
    perform ampsync_private.lock_to_publish(v_table.relation, v_table.identity, '2 s');
    v_before := ampsync_private.set_identity(v_table.relation, v_table.identity);
    perform ampsync_private.leave_publication(v_table.relation);
    execute format('alter publication ampsync add table only %s', v_table.relation);

    update ampsync_private.published p
       set identity        = v_table.identity,
           identity_before = nullif(coalesce(v_before, '{}') || coalesce(p.identity_before, '{}'), '{}'),
           columns         = ampsync_private.published_columns(v_table.relation),
           storage         = ampsync_private.published_storage(v_table.relation),
           seen            = null,
           state           = 'starting',
           since           = ampsync_private.now(),
           published_lsn   = pg_current_wal_insert_lsn(),
           error           = null
     where p.published_id = p_published_id
       and p.relation = v_table.relation;
    perform pg_logical_emit_message(true, 'ampsync/mark', ''); -- On an idle server it goes live all the same.
    perform ampsync_private.journal(null, 'publication_repaired',
              jsonb_build_object('table', v_table.relation::text, 'identity', v_table.identity));
  exception
    when others then
      get stacked diagnostics v_code = returned_sqlstate, v_error = message_text,
                              v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      update ampsync_private.published p
         set state = 'starting',
             since = ampsync_private.now(),
             error = jsonb_build_object('code', v_code, 'message', v_error, 'detail', v_detail, 'hint', v_hint)
       where p.published_id = p_published_id;
  end;
end;
$$;

comment on function ampsync_private.repair_table(integer)
  is 'Put a captured table back into the publication, with the replica identity that it needs.';
