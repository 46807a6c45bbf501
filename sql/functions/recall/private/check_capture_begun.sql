-- Refuses, with SY405, to wait for capture while its slot is still to be made, which may take as long as others'
-- transactions do: at once, and before anything is locked.
create or replace function ampsync_private.check_capture_begun()
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_reason text;
begin
  select c.reason into v_reason from ampsync_private.capture c where c.phase is not null;
  if found then
    raise exception using
      errcode = 'SY405',
      message = 'capture has not begun',
      detail  = coalesce(v_reason, 'Its slot is being made.'),
      hint    = 'select state, reason, hint from ampsync.capture;';
  end if;
end;
$$;

comment on function ampsync_private.check_capture_begun()
  is 'Refuse to wait for capture while its slot is still to be made.';
