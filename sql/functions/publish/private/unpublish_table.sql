-- Ends the publication of a table that is captured from WAL: ampsync.unpublish has the rules.
create or replace function ampsync_private.unpublish_table(
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
  v_relation regclass := (select p.relation from ampsync_private.published p where p.published_id = p_published_id);
begin
  perform ampsync_private.lock_to_publish(v_relation, null);
  perform ampsync_private.leave_publication(v_relation);
  perform ampsync_private.end_captured(v_relation, 'unpublished');
  perform ampsync_private.schedule_supervisor();
end;
$$;

comment on function ampsync_private.unpublish_table(integer)
  is 'End the publication of a table that is captured from WAL.';
