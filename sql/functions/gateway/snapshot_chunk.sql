-- One chunk of a snapshot, as it is stored, for whoever has a token whose claims give that instance. status is that
-- of the answer by HTTP: 200; 401, the token was revoked; 403, the instance is not one of its; 404, there is no such
-- snapshot or chunk; 410, it is gone. With 404 and 410 a client connects anew, and another one is made.
create or replace function ampsync_worker.snapshot_chunk(
  p_snapshot uuid,
  p_n        integer,
  p_token    jsonb,
  out status integer,
  out body   bytea
)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
declare
  v_snapshot ampsync_private.snapshot;
  v_shape    ampsync_private.shape;
begin
  select * into v_snapshot from ampsync_private.snapshot s where s.snapshot_id = p_snapshot;
  select * into v_shape from ampsync_private.shape s where s.shape_id = v_snapshot.shape_id;
  status := case
    when ampsync_private.revoked_at(p_token ->> 'sub', p_token -> 'iat') is not null then 401
    when v_shape.shape_id is null then 404
    when not ampsync_private.gives_instance(v_shape, v_snapshot.key, p_token -> 'claims') then 403
    when v_snapshot.state in ('queued', 'building') or p_n not between 0 and v_snapshot.chunks - 1 then 404
    when v_snapshot.state <> 'ready' or v_snapshot.definition <> v_shape.definition then 410
    else 200
  end;
  if status = 200 then
    body := (select c.body from ampsync_private.snapshot_chunk c where c.snapshot_id = p_snapshot and c.n = p_n);
    if body is null then
      status := 410;
      perform ampsync_private.spoil_snapshot(p_snapshot, 'chunks of it are gone');
    else
      perform ampsync_private.use_snapshot(p_snapshot);
    end if;
  end if;
end;
$$;

comment on function ampsync_worker.snapshot_chunk(uuid, integer, jsonb)
  is 'One chunk of a snapshot, for whoever has a token whose claims give that instance.';
