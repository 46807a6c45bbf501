-- Gives up the resync of a table, or of all tables of a dataset: what was loaded for it is
-- dropped, and the stream continues with its old rows, from its checkpoint. A swap under way is
-- ended. Without a resync under way nothing changes. Returns the streams.
--
-- An upgrade to another version is given up as a whole, so it is refused for one of its tables
-- (SY004). The version is not built again by itself: ampsync.resync does it.
--
-- Locks: dataset row and its swaps (close_swaps); for each stream and its shadow fence
-- (exclusive), stream row, lease row.
create or replace function ampsync.cancel_resync(
  inout dataset    text,
  inout table_name text default null,
  out   state      text,
  out   hint       text
)
  returns setof record
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(cancel_resync.dataset);
  v_upgrade    ampsync_private.upgrade;
  v_shadow     record;
begin
  perform ampsync_private.refuse_http(v_dataset_id, 'cancel_resync');
  perform ampsync_private.check_synced(v_dataset_id, cancel_resync.table_name);
  perform ampsync_private.close_swaps(v_dataset_id);
  select * into v_upgrade
    from ampsync_private.upgrade u
   where u.dataset_id = v_dataset_id
     and not exists (select 1 -- An upgrade passes over it.
                       from ampsync_private.stream s
                      where s.dataset_id = v_dataset_id
                        and s.table_name = cancel_resync.table_name
                        and s.shadow_of is null
                        and s.query is not null);
  if v_upgrade.dataset_id is not null and cancel_resync.table_name is not null then
    raise exception using
      errcode = 'SY004',
      message = format('the tables of %s are upgraded together', cancel_resync.dataset),
      detail  = format('Version %s is built beside all of them.', coalesce(v_upgrade.version, v_upgrade.manifest_hash)),
      hint    = format('select ampsync.cancel_resync(%L);', cancel_resync.dataset);
  elsif v_upgrade.dataset_id is not null then
    perform ampsync_private.give_up_upgrade(v_dataset_id, 'cancelled');
    update ampsync_private.dataset d
       set offered_declined = true,
           offered_error    = jsonb_build_object(
             'code', 'SY004',
             'message', format('the upgrade to version %s was cancelled',
                               coalesce(v_upgrade.version, v_upgrade.manifest_hash)),
             'hint', format('select ampsync.resync(%L);', d.label))
     where d.dataset_id = v_dataset_id
       and (d.offered_version, d.offered_hash) is not distinct from (v_upgrade.version, v_upgrade.manifest_hash);
  end if;

  for v_shadow in
    select w.stream_id, w.shadow_of
      from ampsync_private.stream w
     where w.dataset_id = v_dataset_id
       and w.table_name = coalesce(cancel_resync.table_name, w.table_name)
       and w.shadow_of is not null
       and w.state <> 'former'
     order by w.shadow_of
  loop
    perform ampsync_private.revoke_lease(v_shadow.shadow_of);
    perform ampsync_private.revoke_lease(v_shadow.stream_id);
    continue when not exists (select 1 -- Just swapped.
                                from ampsync_private.stream w
                               where w.stream_id = v_shadow.stream_id);

    perform ampsync_private.drop_shadow(v_shadow.shadow_of);
    perform ampsync_private.let_go_on(v_shadow.shadow_of);
    perform ampsync_private.journal(v_shadow.shadow_of, 'resync_cancelled');
  end loop;

  return query
  select r.dataset, r.table_name, r.state, r.hint
    from ampsync_private.sync_report(v_dataset_id) r
   where r.table_name = coalesce(cancel_resync.table_name, r.table_name);
end;
$$;

comment on function ampsync.cancel_resync(text, text)
  is 'Give up the resync of a table, or the upgrade of a dataset, which continues with its old rows.';
