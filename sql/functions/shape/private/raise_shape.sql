-- Refuses a shape: SY413.
create or replace function ampsync_private.raise_shape(
  p_name    text,
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
    errcode = 'SY413',
    message = format('the shape %s is refused: %s', coalesce(quote_literal(p_name), 'null'), p_because),
    detail  = p_detail,
    hint    = p_hint;
end;
$$;

comment on function ampsync_private.raise_shape(text, text, text, text)
  is 'Refuse a shape.';
