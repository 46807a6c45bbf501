-- Ends the publication of a table; what the log has of it stays. Of a table that is not published a
-- notice, and nothing changes. The replica identity that a captured table had before is put back by a
-- job; 10 minutes after the last captured table the slot is dropped as well. Where it is the table of an HTTP source,
-- none that the source makes later is published either.
--
-- Locks: the dataset row of an HTTP source; a captured table (share update exclusive, in attempts of 300 ms, 10 s at
-- most: 55P03), a row of published.
create or replace function ampsync.unpublish(
  target regclass
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_published ampsync_private.published;
  v_was       boolean; -- It was to be published.
begin
  update ampsync_private.dataset d
     set published = false, publish_tried = null, publish_error = null
    from ampsync_private.stream s
   where s.dataset_id = d.dataset_id
     and s.target = unpublish.target
     and s.shadow_of is null
     and d.kind = 'http'
     and d.published;
  v_was := found;
  select p.* into v_published from ampsync_private.published p where p.relation = target;
  if not found and v_was then
    return;
  elsif v_published.published_id is null then
    raise notice using
      message = format('%s is not published, nothing was changed', target),
      hint    = 'select * from ampsync.publications;';
  elsif v_published.mode = 'blocks' then
    perform ampsync_private.unpublish_target(v_published.published_id);
  else
    perform ampsync_private.unpublish_table(v_published.published_id);
  end if;
end;
$$;

comment on function ampsync.unpublish(regclass)
  is 'End the publication of a table; its history stays.';
