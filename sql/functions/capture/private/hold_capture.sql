-- The row of capture, locked, as the pass of this generation has it; SY001 if a later one has taken over.
-- So whatever a pass stores is stored before or after a takeover, and never by two.
create or replace function ampsync_private.hold_capture(
  p_generation bigint
)
  returns ampsync_private.capture
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_capture ampsync_private.capture;
begin
  select * into v_capture
    from ampsync_private.capture c
   where c.generation = p_generation
     for no key update;
  if not found then
    call ampsync_private.raise_capture_lost(p_generation);
  end if;
  return v_capture;
end;
$$;

comment on function ampsync_private.hold_capture(bigint)
  is 'Lock the row of capture for the pass of this generation; SY001 if it is not the present one.';
