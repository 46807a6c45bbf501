-- Refuses (SY001) what a job says of a snapshot that another one has by now. Locks: its row.
create or replace function ampsync_private.check_attempt(
  p_snapshot_id uuid,
  p_attempt     integer
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_snapshot ampsync_private.snapshot;
begin
  select * into v_snapshot
    from ampsync_private.snapshot s
   where s.snapshot_id = p_snapshot_id
     for no key update;
  if v_snapshot.state is distinct from 'building' or v_snapshot.attempt <> p_attempt then
    raise exception using
      errcode = 'SY001',
      message = format('snapshot %s is made by another job, or by none', p_snapshot_id),
      detail  = format('This is attempt %s; it is %s in attempt %s.', p_attempt,
                       coalesce(v_snapshot.state, 'gone'), coalesce(v_snapshot.attempt, 0)),
      hint    = 'select * from ampsync.hydrations;';
  end if;
end;
$$;

comment on function ampsync_private.check_attempt(uuid, integer)
  is 'Refuse what a job says of a snapshot that another one has by now.';
