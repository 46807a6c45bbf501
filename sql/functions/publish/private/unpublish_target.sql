-- Ends the publication of a stream's table: nothing of it comes into the log any more. What is there
-- stays. No effect on one that has ended.
--
-- Locks: the row of `published`.
create or replace function ampsync_private.unpublish_target(
  p_published_id integer
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table ampsync_private.published;
begin
  select p.* into v_table
    from ampsync_private.published p
   where p.published_id = p_published_id
     and p.state <> 'ended'
     for no key update;
  if found then
    perform ampsync_private.journal(v_table.stream_id, 'table_ended', jsonb_build_object(
              'table', format('%I.%I', v_table.schema_name, v_table.table_name)));
    update ampsync_private.published p
       set state = 'ended', relation = null, stream_id = null, error = null, since = ampsync_private.now()
     where p.published_id = p_published_id;
  end if;
end;
$$;

comment on function ampsync_private.unpublish_target(integer)
  is 'End the publication of a stream''s table.';
