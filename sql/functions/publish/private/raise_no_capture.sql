-- Refuses to capture tables from WAL: SY403.
create or replace function ampsync_private.raise_no_capture(
  p_because text,
  p_detail  text,
  p_hint    text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'SY403',
    message = format('tables cannot be captured: %s', p_because),
    detail  = p_detail,
    hint    = p_hint;
end;
$$;

comment on function ampsync_private.raise_no_capture(text, text, text)
  is 'Refuse to capture tables from WAL.';
