-- Loads a table, or all tables of a dataset, again from the first block while the old rows stay
-- readable; when the new rows have caught up, they replace the old ones in one transaction.
-- Until then readers see the old rows, which do not change: state `resyncing`. For tables that
-- no retry helps, for instance after a reorg deeper than retention_blocks (SY102).
--
-- A table that was dropped is created again and loaded from the first block, in its place;
-- another relation that has its name by now must go first (SY201).
--
-- from_block: rows of lower blocks are neither loaded nor kept; by default as the table was
-- loaded before. Without table_name also for tables that the dataset gets later.
--
-- If the dataset was offered a version that it does not follow (ampsync.status shows why), and no
-- table is named, the whole dataset is upgraded to it: the new version is loaded beside all
-- tables, which follow the old one meanwhile, and replaces it in one transaction. Then tables
-- may have other columns, and ampsync.rollback_version can bring the old version back. The
-- answer says so, and ampsync.upgrades shows it.
--
-- The resync of a paused stream begins once it is resumed. If a resync or an upgrade of the table
-- is under way, or nothing was loaded yet, nothing changes; but one that failed before it had a
-- table begins again. Returns the streams.
--
-- An HTTP source forgets its position, and is read again from its beginning into the same table, by
-- its key: resync_source.
--
-- Locks: dataset row; for each stream fence (exclusive), stream row, lease row; for one whose
-- table was dropped, all its records.
create or replace function ampsync.resync(
  inout dataset    text,
  inout table_name text default null,
  in    from_block bigint default null,
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
  v_dataset_id bigint := ampsync_private.find_dataset(resync.dataset);
  v_dataset    ampsync_private.dataset;
  v_stream_id  bigint;
begin
  perform ampsync_private.check_synced(v_dataset_id, resync.table_name);
  if exists (select from ampsync_private.dataset d where d.dataset_id = v_dataset_id and d.kind = 'http') then
    return query
    select r.*
      from ampsync_private.resync_source(resync.dataset, resync.from_block) r;
    return;
  end if;
  perform ampsync_private.check_from_block(resync.dataset, resync.from_block);
  perform ampsync_private.check_query_start(d, resync.table_name, resync.from_block)
     from ampsync_private.dataset d
    where d.dataset_id = v_dataset_id;
  perform ampsync_private.lock_dataset(v_dataset_id);
  if resync.table_name is null then
    update ampsync_private.dataset d
       set from_block = resync.from_block
     where d.dataset_id = v_dataset_id
       and d.from_block <> resync.from_block;
  end if;
  perform ampsync_private.apply_from_block(v_dataset_id, resync.table_name, resync.from_block);
  select * into v_dataset -- None if it was dropped meanwhile.
    from ampsync_private.dataset d
   where d.dataset_id = v_dataset_id;
  if not v_dataset.queries ? resync.table_name then -- Null without a name.
    perform ampsync_private.check_query_removed(v_dataset, resync.table_name);
  end if;
  if resync.table_name is null and coalesce(v_dataset.offered_version, v_dataset.offered_hash) is not null then
    perform ampsync_private.request_upgrade(v_dataset_id, resync.from_block);
  end if;

  for v_stream_id in
    select s.stream_id
      from ampsync_private.stream s
     where s.dataset_id = v_dataset_id
       and s.table_name = coalesce(resync.table_name, s.table_name)
       and s.shadow_of is null
       and (s.target is not null or s.state = 'failed')
       and s.state not in ('orphaned', 'resyncing')
       and (not exists (select 1
                          from ampsync_private.upgrade u
                         where u.dataset_id = v_dataset_id)
            or s.query is not null and resync.table_name is not null) -- No upgrade loads it.
     order by s.stream_id
  loop
    perform ampsync_private.revoke_lease(v_stream_id);
    continue when exists (select 1 -- Paused, or just begun.
                            from ampsync_private.stream w
                           where w.shadow_of = v_stream_id and w.state <> 'former');

    if exists (select 1
                 from ampsync_private.stream s
                 join pg_class c on c.oid = s.target
                where s.stream_id = v_stream_id) then
      perform ampsync_private.start_shadow(v_stream_id, ampsync_private.now(), resync.from_block);
    else
      perform ampsync_private.check_may_read(to_regnamespace(quote_ident(s.target_schema)), null)
         from ampsync_private.stream s
        where s.stream_id = v_stream_id;
      if exists (select 1
                   from ampsync_private.stream s
                  where s.stream_id = v_stream_id
                    and to_regclass(format('%I.%I', s.target_schema, s.target_table)) is not null) then
        call ampsync_private.raise_target_moved(v_stream_id);
      end if;
      update ampsync_private.stream s
         set from_block = coalesce(resync.from_block, s.from_block)
       where s.stream_id = v_stream_id;
      perform ampsync_private.forget_target(v_stream_id);
      perform ampsync_private.take_query(v_stream_id);
    end if;
    perform ampsync_private.journal(v_stream_id, 'resync_started');
  end loop;
  perform ampsync_private.schedule_supervisor();

  return query
  select r.dataset, r.table_name, r.state, r.hint
    from ampsync_private.sync_report(v_dataset_id) r
   where r.table_name = coalesce(resync.table_name, r.table_name);
end;
$$;

comment on function ampsync.resync(text, text, bigint)
  is 'Load a table, or all of a dataset, again from the first block, or its new version, then swap in one transaction.';
