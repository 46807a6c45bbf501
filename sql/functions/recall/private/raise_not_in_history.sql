-- Refuses, with SY406, a time or position that the history does not have.
create or replace function ampsync_private.raise_not_in_history(
  p_message text,
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
    errcode = 'SY406',
    message = p_message,
    detail  = p_detail,
    hint    = p_hint;
end;
$$;

comment on function ampsync_private.raise_not_in_history(text, text, text)
  is 'Refuse a time or position that the history does not have.';
