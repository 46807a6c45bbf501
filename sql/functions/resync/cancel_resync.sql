-- Gives up the resync of a table, or of all tables of a dataset: what was loaded for it is
-- dropped, and the stream continues with its old rows, from its checkpoint. Without a resync
-- under way nothing changes; during the swap itself it is refused after 5 s (55P03). Returns
-- the streams.
--
-- Locks: for each stream and its shadow fence (exclusive), stream row, lease row.
create or replace function ampsync.cancel_resync(
  inout dataset    text,
  inout table_name text default null,
  out   state      text,
  out   hint       text
)
  returns setof record
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(cancel_resync.dataset);
  v_shadow     record;
begin
  perform ampsync_private.check_synced(v_dataset_id, cancel_resync.table_name);

  for v_shadow in
    select w.stream_id, w.shadow_of
      from ampsync_private.stream w
     where w.dataset_id = v_dataset_id
       and w.table_name = coalesce(cancel_resync.table_name, w.table_name)
       and w.shadow_of is not null
     order by w.shadow_of
  loop
    perform ampsync_private.revoke_lease(v_shadow.shadow_of);
    perform ampsync_private.revoke_lease(v_shadow.stream_id);
    continue when not exists (select 1 -- Just swapped.
                                from ampsync_private.stream w
                               where w.stream_id = v_shadow.stream_id);

    perform ampsync_private.drop_shadow(v_shadow.shadow_of);
    update ampsync_private.stream s
       set state = 'retrying', since = ampsync_private.now()
     where s.stream_id = v_shadow.shadow_of
       and s.state = 'resyncing';
    if found then
      perform ampsync_private.schedule_stream(v_shadow.shadow_of);
    end if;
    perform ampsync_private.journal(v_shadow.shadow_of, 'resync_cancelled');
  end loop;

  return query
  select r.dataset, r.table_name, r.state, r.hint
    from ampsync_private.sync_report(v_dataset_id) r
   where r.table_name = coalesce(cancel_resync.table_name, r.table_name);
end;
$$;

comment on function ampsync.cancel_resync(text, text)
  is 'Give up the resync of a table, which continues with its old rows.';
