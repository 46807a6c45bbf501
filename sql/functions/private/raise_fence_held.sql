-- Raises 55P03 with who holds the fence of a stream's epoch; nothing where nobody
-- does any more.
create or replace function ampsync_private.raise_fence_held(
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
  v_holders  text;
  v_stranger record;
  v_target   text;
begin
  select format('%I.%I', s.target_schema, s.target_table) into v_target
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  select string_agg(format('Backend %s of role %s, since %s: %s', a.pid, a.usename, a.xact_start, left(a.query, 200)), E'\n')
    into v_holders
    from ampsync_private.fence_holders(p_stream_id, p_epoch) f
    join pg_stat_activity a using (pid);

  select a.pid, a.usename as role into v_stranger
    from ampsync_private.fence_holders(p_stream_id, p_epoch) f
    join pg_stat_activity a using (pid)
   where not f.is_ours
   limit 1;
  if found then
    raise exception using
      errcode = '55P03',
      message = format('role %s holds the advisory lock of %s', v_stranger.role, v_target),
      detail  = v_holders,
      hint    = format('As a superuser: select pg_terminate_backend(%s);', v_stranger.pid);
  end if;

  if v_holders is not null then
    raise exception using
      errcode = '55P03',
      message = format('another transaction decides about %s just now', v_target),
      detail  = v_holders,
      hint    = 'Nothing was changed. Try again when it is over; the swap of a large table takes minutes: select * from ampsync.jobs where task = ''ampsync_swap'';';
  end if;
end;
$$;

comment on function ampsync_private.raise_fence_held(bigint, bigint)
  is 'Raise 55P03 with who holds the fence of a stream''s epoch.';
