-- Refuses work on a stream that is gone, paused, failed, orphaned, resyncing or complete: the job that
-- asks is older than that decision.
create or replace function ampsync_private.check_runnable(
  p_stream_id bigint
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_state text;
begin
  select s.state into v_state
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  if v_state is null or ampsync_private.is_halted(v_state) then
    raise exception using
      errcode = 'SY002',
      message = format('stream %s is %s', p_stream_id, coalesce(v_state, 'gone')),
      detail  = 'Nothing is read or written for it.',
      hint    = 'select * from ampsync.streams;';
  end if;
end;
$$;

comment on function ampsync_private.check_runnable(bigint)
  is 'Raise SY002 for a stream that is gone, paused, failed, orphaned, resyncing or complete.';
