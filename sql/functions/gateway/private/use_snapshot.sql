-- Somebody loads a snapshot: it is kept for 10 minutes more. Written at most once a minute, and by one of several.
create or replace function ampsync_private.use_snapshot(
  p_snapshot_id uuid
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := ampsync_private.now();
begin
  update ampsync_private.snapshot s
     set used_at = v_now, expires_at = v_now + interval '10 minutes'
   where s.snapshot_id in (select o.snapshot_id
                             from ampsync_private.snapshot o
                            where o.snapshot_id = p_snapshot_id
                              and o.state = 'ready'
                              and coalesce(o.used_at < v_now - interval '1 minute', true)
                              for update skip locked);
end;
$$;

comment on function ampsync_private.use_snapshot(uuid)
  is 'Keep a snapshot for 10 minutes more: somebody loads it.';
