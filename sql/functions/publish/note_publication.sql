-- How the job ampsync_publication ended: null, with nothing left to do, or with an error, after which
-- it is tried again, after 10 s at the earliest where capture goes on. While there is no slot the error is shown as
-- that of capture.
--
-- p_error: as all errors, {"code", "message", "detail", "hint"}
--
-- Locks: the row of capture, rows of graphile_worker.
create or replace function ampsync_worker.note_publication(
  p_error jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_attempts integer;
begin
  if p_error is null then
    return;
  end if;
  update ampsync_private.capture c
     set error      = p_error || jsonb_build_object('code', case when p_error ->> 'code' in ('42501', '53400', '55000')
                                                                 then 'SY403' else p_error ->> 'code' end),
         attempts   = c.attempts + 1,
         next_retry = ampsync_private.now() + ampsync_private.retry_delay(c.attempts + 1, array[1, 2, 5, 10, 30, 60])
   where c.phase is not null
  returning c.attempts into v_attempts;
  perform ampsync_private.schedule_publication(
            ampsync_private.now() + ampsync_private.retry_delay(coalesce(v_attempts, 4), array[1, 2, 5, 10, 30, 60]));
end;
$$;

comment on function ampsync_worker.note_publication(jsonb)
  is 'Note how the job that keeps publication and slot ended.';
