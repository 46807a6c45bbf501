-- Ends the publication of all tables of a dataset; tables that come to it later are not published
-- either. What is in the log stays. A notice if nothing of it was published.
--
-- Locks: dataset row; rows of `published`.
create or replace function ampsync.unpublish_dataset(
  dataset text
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.lock_reference(unpublish_dataset.dataset);
  v_count      integer := 0;
  v_table      record;
  v_was        boolean;
begin
  update ampsync_private.dataset d
     set published = false, publish_tried = null, publish_error = null
   where d.dataset_id = v_dataset_id
     and d.published;
  v_was := found;
  for v_table in
    select p.published_id, p.mode
      from ampsync_private.stream s
      join ampsync_private.published p on p.stream_id = s.stream_id or p.relation = s.target
     where s.dataset_id = v_dataset_id
       and s.shadow_of is null
     order by p.published_id
  loop
    v_count := v_count + 1;
    if v_table.mode = 'rows' then
      perform ampsync_private.unpublish_table(v_table.published_id);
    else
      perform ampsync_private.unpublish_target(v_table.published_id);
    end if;
  end loop;
  if v_count = 0 and not v_was then
    raise notice using
      message = format('no table of %s is published', unpublish_dataset.dataset),
      hint    = 'select * from ampsync.publications;';
  end if;
end;
$$;

comment on function ampsync.unpublish_dataset(text)
  is 'End the publication of all tables of a dataset; what is in the log stays.';
