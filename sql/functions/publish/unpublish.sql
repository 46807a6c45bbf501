-- Ends the publication of a table; what the log has of it stays. Of a table that is not published a
-- notice, and nothing changes. The replica identity that a captured table had before is put back by a
-- job; 10 minutes after the last captured table the slot is dropped as well.
--
-- Locks: a captured table (share update exclusive, in attempts of 300 ms, 10 s at most: 55P03), a row of
-- published.
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
begin
  select p.* into v_published from ampsync_private.published p where p.relation = target;
  if not found then
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
