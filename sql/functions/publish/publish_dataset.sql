-- Publishes all tables of a dataset, those that come to it later too: each commit says in the log which
-- blocks it changed (ampsync.change_history, ampsync.read_changes). It needs no slot, and works with any
-- `wal_level`. The table of an HTTP source is captured from WAL, as by ampsync.publish; one that is not made yet, or
-- that is made anew, is published by a job once it is there.
--
-- Each table is live, with a floor in the log, some seconds after the caller's transaction has
-- committed. Idempotent: tables that are published stay as they are. Returns the tables.
--
-- Locks: dataset row; rows of `published`. Never the log lock: a transaction that stays open holds up
-- no commit.
create or replace function ampsync.publish_dataset(
  dataset text
)
  returns table (table_name text, state text, hint text)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.lock_reference(publish_dataset.dataset);
  v_stream     record;
begin
  for v_stream in
    select s.stream_id, s.target, s.target_schema, s.target_table, d.kind
      from ampsync_private.stream s
      join ampsync_private.dataset d using (dataset_id)
     where s.dataset_id = v_dataset_id
       and s.shadow_of is null
     order by s.stream_id
  loop
    if v_stream.kind <> 'http' then
      perform ampsync_private.publish_target(v_stream.stream_id);
    elsif v_stream.target is not null then
      perform ampsync_private.publish_table(v_stream.target, 'full');
    else
      perform ampsync_private.check_capture(null); -- What it would be refused for later is said now.
    end if;
  end loop;
  update ampsync_private.dataset d
     set published = true
   where d.dataset_id = v_dataset_id
     and not d.published;

  return query
  select format('%I.%I', p.schema_name, p.table_name), p.state,
         case when p.state <> 'live' then 'select * from ampsync.publications;' end
    from ampsync_private.stream s
    join ampsync_private.published p on p.stream_id = s.stream_id or p.relation = s.target
   where s.dataset_id = v_dataset_id
     and s.shadow_of is null
  union all
  select format('%I.%I', s.target_schema, s.target_table), 'starting', 'select * from ampsync.publications;'
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.dataset_id = v_dataset_id
     and s.shadow_of is null
     and d.kind = 'http'
     and s.target is null
   order by 1;
end;
$$;

comment on function ampsync.publish_dataset(text)
  is 'Publish all tables of a dataset, those that come later too: what changes in them comes into the log.';
