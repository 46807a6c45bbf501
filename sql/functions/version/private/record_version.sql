-- Records that the rows of a stream's blocks from one block on, up to the last one if it is
-- given, come from the version that the holder of its lease reads: when a pass begins, when
-- blocks are removed because the server sends them again, and after a repair. Entries that lie
-- within are replaced; the blocks behind keep theirs. Neighbours of one version are one entry.
--
-- Idempotent. Locks: version history. Called under the lease of the stream.
create or replace function ampsync_private.record_version(
  p_stream_id   bigint,
  p_first_block bigint,
  p_last_block  bigint default null
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_lease  ampsync_private.lease;
  v_before ampsync_private.version_history;
  v_behind ampsync_private.version_history;
begin
  select * into strict v_lease
    from ampsync_private.lease l
   where l.stream_id = p_stream_id;
  select * into v_before -- Of the block before, or none.
    from ampsync_private.version_history v
   where v.stream_id = p_stream_id
     and v.first_block < p_first_block
   order by v.first_block desc
   limit 1;
  select * into v_behind -- Of the block behind.
    from ampsync_private.version_history v
   where v.stream_id = p_stream_id
     and v.first_block <= p_last_block + 1
   order by v.first_block desc
   limit 1;

  -- A pass that goes on with the version of the pass before it records nothing.
  if v_before.stream_id is not null
     and (v_before.version, v_before.manifest_hash) is not distinct from (v_lease.version, v_lease.manifest_hash)
     and not exists (select 1
                       from ampsync_private.version_history v
                      where v.stream_id = p_stream_id
                        and v.first_block between p_first_block and coalesce(p_last_block, 9223372036854775807)) then
    return;
  end if;

  delete from ampsync_private.version_history v
   where v.stream_id = p_stream_id
     and v.first_block between p_first_block and coalesce(p_last_block + 1, 9223372036854775807);

  insert into ampsync_private.version_history as v (stream_id, first_block, version, manifest_hash, started_at)
  select e.stream_id, e.first_block, e.version, e.manifest_hash, e.started_at
    from (select p_stream_id, p_first_block, v_lease.version, v_lease.manifest_hash, ampsync_private.now(),
                 v_before.stream_id, v_before.version, v_before.manifest_hash
           union all
          select v_behind.stream_id, p_last_block + 1, v_behind.version, v_behind.manifest_hash, v_behind.started_at,
                 p_stream_id, v_lease.version, v_lease.manifest_hash)
      as e(stream_id, first_block, version, manifest_hash, started_at, before_id, before_version, before_hash)
   where e.stream_id is not null
     and (e.before_id is null
          or (e.version, e.manifest_hash) is distinct from (e.before_version, e.before_hash));
end;
$$;

comment on function ampsync_private.record_version(bigint, bigint, bigint)
  is 'Record which blocks of a stream come from the version that the holder of its lease reads.';
