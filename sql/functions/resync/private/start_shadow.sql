-- Begins the resync of a table: the shadow is a stream of its own that loads from the first
-- block into a table of its own, moved by passes and leases like any other. The old rows stay
-- readable until swap_resync. An existing shadow is dropped.
--
-- It reads the version of the stream, which stands still meanwhile; during an upgrade the new
-- version, and the stream goes on.
--
-- p_from_block: by default that of the upgrade, or of the stream.
--
-- The shadow of a paused stream starts with ampsync.resume_sync.
--
-- Locks: stream row.
create or replace function ampsync_private.start_shadow(
  p_stream_id  bigint,
  p_run_at     timestamptz,
  p_from_block bigint default null
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_upgrade   ampsync_private.upgrade;
  v_shadow_id bigint;
begin
  perform ampsync_private.drop_shadow(p_stream_id);

  select u.* into v_upgrade
    from ampsync_private.stream s
    join ampsync_private.upgrade u using (dataset_id)
   where s.stream_id = p_stream_id
     and ampsync_private.is_upgraded(u, s);

  update ampsync_private.stream s
     set state = 'resyncing', since = ampsync_private.now(), attempts = 0, next_retry = null, error = null,
         load_started = null, load_from = null
   where s.stream_id = p_stream_id
     and s.state not in ('paused', 'resyncing')
     and v_upgrade.dataset_id is null;

  insert into ampsync_private.stream
         (dataset_id, table_name, shadow_of, target_schema, target_table, identity, version, manifest_hash,
          version_since, from_block, state, since, next_retry)
  select s.dataset_id, s.table_name, s.stream_id, 'ampsync_private', 'shadow_' || s.stream_id, s.identity,
         case when v_upgrade.dataset_id is null then s.version else v_upgrade.version end,
         case when v_upgrade.dataset_id is null then s.manifest_hash else v_upgrade.manifest_hash end,
         ampsync_private.now(), coalesce(p_from_block, v_upgrade.from_block, s.from_block),
         case when s.state = 'paused' then 'paused' else 'waiting' end, ampsync_private.now(),
         case when p_run_at > ampsync_private.now() then p_run_at end
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
  returning stream_id into v_shadow_id;

  insert into ampsync_private.lease (stream_id) values (v_shadow_id);
  perform ampsync_private.take_query(v_shadow_id);
  perform ampsync_private.schedule_stream(v_shadow_id, p_run_at);
end;
$$;

comment on function ampsync_private.start_shadow(bigint, timestamptz, bigint)
  is 'Begin the resync of a stream: a shadow loads its table from the first block.';
