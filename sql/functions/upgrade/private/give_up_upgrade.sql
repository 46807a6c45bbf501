-- Gives up the upgrade of a dataset, and the resyncs of its tables: what was loaded for them is
-- dropped, and the old streams go on, from their checkpoints. Those of queries are not concerned.
--
-- p_why  for the journal: cancelled, superseded
--
-- Locks: for each stream and its shadow fence (exclusive), stream row, lease row; the table of
-- the shadow. The caller holds the dataset row.
create or replace function ampsync_private.give_up_upgrade(
  p_dataset_id bigint,
  p_why        text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_upgrade ampsync_private.upgrade;
  v_shadow  record;
begin
  for v_shadow in
    select w.stream_id, w.shadow_of
      from ampsync_private.stream w
      join ampsync_private.stream s on s.stream_id = w.shadow_of
     where w.dataset_id = p_dataset_id
       and w.state <> 'former'
       and s.query is null
     order by w.shadow_of
  loop
    perform ampsync_private.revoke_lease(v_shadow.stream_id);
    perform ampsync_private.drop_shadow(v_shadow.shadow_of);
  end loop;
  perform ampsync_private.let_go_on(s.stream_id) -- No worker has anything to do with a halted stream.
     from ampsync_private.stream s
    where s.dataset_id = p_dataset_id
      and s.shadow_of is null
      and s.query is null
      and s.state = 'resyncing';

  delete from ampsync_private.upgrade u
   where u.dataset_id = p_dataset_id
  returning * into v_upgrade;
  if v_upgrade.tables is not null then
    perform graphile_worker.remove_job('ampsync_upgrade:' || p_dataset_id);
    perform ampsync_private.journal(null,
              case p_why when 'cancelled' then 'upgrade_cancelled' else 'upgrade_superseded' end, jsonb_build_object(
              'version', v_upgrade.version, 'manifest_hash', v_upgrade.manifest_hash), p_dataset_id);
  end if;
end;
$$;

comment on function ampsync_private.give_up_upgrade(bigint, text)
  is 'Give up the upgrade of a dataset; the old streams go on.';
