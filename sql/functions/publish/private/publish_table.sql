-- Publishes a table that is captured from WAL: ampsync.publish has the rules. The row of the table
-- goes live once the log has come to it (activate_publication).
--
-- Jobs of capture are queued by the supervisor, never here: nobody takes or ends a job that an open
-- transaction has changed, so that this table's publisher would keep the changes of all others waiting.
--
-- Where the publication is gone although there is a slot, the job makes both anew, and lets the table
-- in: a slot decodes nothing by a publication that is younger.
create or replace function ampsync_private.publish_table(
  p_relation regclass,
  p_identity text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_published   ampsync_private.published;
  v_publication boolean;
  v_before      jsonb;
begin
  select p.* into v_published from ampsync_private.published p where p.relation = p_relation;
  if v_published.identity = p_identity and v_published.state <> 'failed' then
    return;
  end if;
  perform ampsync_private.check_publishable(p_relation, p_identity);
  if exists (select 1
               from pg_locks k
              where k.pid = pg_backend_pid() and k.locktype = 'relation' and k.relation = p_relation
                and k.database = (select d.oid from pg_database d where d.datname = current_database())) then
    raise exception using
      errcode = '25001',
      message = format('%s is locked by this transaction already', p_relation),
      detail  = 'A lock that is made stronger is a deadlock beside whoever reads and then writes the table.',
      hint    = format('Call it by itself: select ampsync.publish(%L);', p_relation);
  end if;
  perform ampsync_private.check_capture(p_relation);
  v_publication := ampsync_private.ensure_publication();

  perform ampsync_private.lock_to_publish(p_relation, p_identity);
  perform ampsync_private.check_publishable(p_relation, p_identity); -- Nobody changes it any more.
  v_before := ampsync_private.set_identity(p_relation, p_identity);
  if v_publication and not exists (
       select 1
         from pg_publication_rel r
         join pg_publication p on p.oid = r.prpubid
        where p.pubname = 'ampsync' and r.prrelid = p_relation) then
    execute format('alter publication ampsync add table only %s', p_relation);
  end if;
  perform ampsync_private.store_published(p_relation, p_identity, v_before);
  perform ampsync_private.schedule_supervisor();
end;
$$;

comment on function ampsync_private.publish_table(regclass, text)
  is 'Publish a table that is captured from WAL.';
