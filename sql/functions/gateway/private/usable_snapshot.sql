-- The newest snapshot of an instance that can be loaded, is being made, or failed within the last 10 s. One that is
-- ready but spoiled is marked so: chunks are gone, since a crash of PostgreSQL empties them; the log does not go on
-- from it; or too much has changed since. Sets used_at, at most once a minute.
-- p_from: a ready one below that position is of no use.
create or replace function ampsync_private.usable_snapshot(
  p_shape ampsync_private.shape,
  p_key   text,
  p_from  bigint default null
)
  returns ampsync_private.snapshot
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_found  ampsync_private.snapshot;
  v_reason text;
begin
  select * into v_found
    from ampsync_private.snapshot s
   where s.shape_id = p_shape.shape_id
     and md5(s.key) = md5(p_key)
     and s.key = p_key
     and s.definition = p_shape.definition
     and (p_from is null or s.state <> 'ready' or s.position >= p_from)
     and (s.state <> 'failed' or s.used_at > ampsync_private.now() - interval '10 s')
   order by s.created_at desc
   limit 1;
  if v_found.state is distinct from 'ready' then
    return v_found;
  end if;
  v_reason := ampsync_private.snapshot_flaw(v_found, p_shape);
  if v_reason is not null then
    perform ampsync_private.spoil_snapshot(v_found.snapshot_id, v_reason);
    return null;
  end if;
  perform ampsync_private.use_snapshot(v_found.snapshot_id);
  return v_found;
end;
$$;

comment on function ampsync_private.usable_snapshot(ampsync_private.shape, text, bigint)
  is 'The newest snapshot of an instance that can be loaded, is being made, or has just failed.';
