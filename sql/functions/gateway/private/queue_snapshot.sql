-- Queues a snapshot of an instance, with a job of its own: jobs take what waits one after the other, at most two at
-- once. Two gateways that ask for the same instance at the same moment make one.
--
-- p_expected  rows that it may have, for whoever looks how far it is
--
-- Locks: an advisory lock on the instance, to the end of the transaction; rows of graphile_worker.
create or replace function ampsync_private.queue_snapshot(
  p_shape    ampsync_private.shape,
  p_key      text,
  p_client   uuid,
  p_from     bigint default null,
  p_expected bigint default null
)
  returns ampsync_private.snapshot
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_snapshot ampsync_private.snapshot;
begin
  perform pg_advisory_xact_lock(hashtextextended(
            format('ampsync.instance:%s:%s', p_shape.shape_id, p_key), 0));
  v_snapshot := ampsync_private.usable_snapshot(p_shape, p_key, p_from);
  if v_snapshot.snapshot_id is not null then
    return v_snapshot;
  end if;
  insert into ampsync_private.snapshot (snapshot_id, shape_id, key, definition, client_id, tenant, expected, created_at)
  select gen_random_uuid(), p_shape.shape_id, p_key, p_shape.definition, p_client,
         (select c.tenant from ampsync_private.client c where c.client_id = p_client), p_expected, ampsync_private.now()
  returning * into v_snapshot;
  perform ampsync_private.schedule_snapshot(v_snapshot.snapshot_id);
  return v_snapshot;
end;
$$;

comment on function ampsync_private.queue_snapshot(ampsync_private.shape, text, uuid, bigint, bigint)
  is 'Queue a snapshot of an instance, unless somebody else just did.';
