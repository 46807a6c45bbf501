-- Raises SY001: another pass of capture works, or the log is not where this one believes it is. The only
-- place that does, so that the message is always the same.
create or replace procedure ampsync_private.raise_capture_lost(
  p_generation bigint
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'SY001',
    message = format('capture of generation %s does not go on', p_generation),
    detail  = coalesce((select format('The present one is %s, of worker %s, and the log ends at %s.',
                                      c.generation, coalesce(c.worker_id, '(none)'), coalesce(c.commit_lsn, c.end_lsn))
                          from ampsync_private.capture c), 'Nothing is captured.'),
    hint    = 'select * from ampsync.capture; -- nothing is lost: the next pass goes on from there';
end;
$$;

comment on procedure ampsync_private.raise_capture_lost(bigint)
  is 'Raise SY001: another pass of capture works.';
