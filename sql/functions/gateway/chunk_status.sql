-- Whether one chunk of a snapshot is for whoever has a token, as the status of the answer by HTTP: 200, its claims give
-- that instance; 401, it was revoked; 403, the instance is not one of its; 404, there is no such snapshot or chunk;
-- 410, it is gone. With 404 and 410 a client connects anew, and another one is made. With 200 the snapshot is kept for
-- 10 minutes more.
--
-- Cheap, and asked for each chunk: a gateway that has the bytes of one still gives them to nobody without.
create or replace function ampsync_worker.chunk_status(
  p_snapshot uuid,
  p_n        integer,
  p_token    jsonb
)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
declare
  v_snapshot  ampsync_private.snapshot;
  v_shape     ampsync_private.shape;
  v_published ampsync_private.published;
  v_status    integer;
begin
  select * into v_snapshot from ampsync_private.snapshot s where s.snapshot_id = p_snapshot;
  select * into v_shape from ampsync_private.shape s where s.shape_id = v_snapshot.shape_id;
  select * into v_published from ampsync_private.published p where p.published_id = v_shape.published_id;
  v_status := case
    when ampsync_private.revoked_at(p_token ->> 'sub', p_token -> 'iat') is not null then 401
    when v_shape.shape_id is null then 404
    when not ampsync_private.gives_instance(v_shape, v_published, v_snapshot.key, p_token -> 'claims') then 403
    when v_snapshot.state in ('queued', 'building') or p_n not between 0 and v_snapshot.chunks - 1 then 404
    when v_snapshot.state <> 'ready'
         or v_snapshot.definition <> v_shape.definition
         or ampsync_private.shape_error(v_shape, v_published) is not null then 410
    else 200
  end;
  if v_status = 200 then
    perform ampsync_private.use_snapshot(p_snapshot);
  end if;
  return v_status;
end;
$$;

comment on function ampsync_worker.chunk_status(uuid, integer, jsonb)
  is 'Whether a chunk of a snapshot is for whoever has a token, as the status of an answer by HTTP.';
