-- Raises 55P03 if a backend that cannot be one of our writers holds the fence of a stream's
-- epoch, and names that backend.
create or replace function ampsync_private.raise_stranger(
  p_stream_id bigint,
  p_epoch     bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stranger record;
begin
  select a.pid, a.usename as role, a.backend_start into v_stranger
    from ampsync_private.fence_holders(p_stream_id, p_epoch) f
    join pg_stat_activity a using (pid)
   where not f.is_ours
   limit 1;
  if found then
    raise exception using
      errcode = '55P03',
      message = (select format('role %s holds the advisory lock of %I.%I',
                               v_stranger.role, s.target_schema, s.target_table)
                   from ampsync_private.stream s where s.stream_id = p_stream_id),
      detail  = format('Backend %s of role %s, connected since %s.',
                       v_stranger.pid, v_stranger.role, v_stranger.backend_start),
      hint    = format('As a superuser: select pg_terminate_backend(%s);', v_stranger.pid);
  end if;
end;
$$;

comment on function ampsync_private.raise_stranger(bigint, bigint)
  is 'Raise 55P03 if a backend that is no writer of ours holds the fence of a stream''s epoch.';
