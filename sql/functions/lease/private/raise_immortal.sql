-- Raises 55P03 if a writer of ours holds the fence of a stream's epoch that this role may not end:
-- it is the session of another login role.
create or replace function ampsync_private.raise_immortal(
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
  v_writer record;
begin
  select a.pid, a.usename as role, r.rolsuper into v_writer
    from ampsync_private.fence_holders(p_stream_id, p_epoch) f
    join pg_stat_activity a using (pid)
    left join pg_roles r on r.oid = a.usesysid
   where f.mode = 'ShareLock' and f.is_ours and not f.is_mortal
   limit 1;
  if found then
    raise exception using
      errcode = '55P03',
      message = (select format('%I.%I is written by a session of role %I, which role %I may not end',
                               s.target_schema, s.target_table, v_writer.role, current_user)
                   from ampsync_private.stream s where s.stream_id = p_stream_id),
      detail  = format('Backend %s of role %s. Nothing was changed.', v_writer.pid, v_writer.role),
      hint    = case when v_writer.rolsuper
                     then format('As a superuser: select pg_terminate_backend(%s);', v_writer.pid)
                     else format('grant pg_signal_backend to %I;', current_user) end;
  end if;
end;
$$;

comment on function ampsync_private.raise_immortal(bigint, bigint)
  is 'Raise 55P03 if a writer that this role may not end holds the fence of a stream''s epoch.';
