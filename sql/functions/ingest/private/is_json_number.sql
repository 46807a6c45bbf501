-- Whether a text is a number as JSON writes it: not NaN, not Infinity, and nothing else that
-- PostgreSQL reads as a number.
create or replace function ampsync_private.is_json_number(
  p_text text
)
  returns boolean
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return p_text ~ '^-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?$';
end;
$$;

comment on function ampsync_private.is_json_number(text)
  is 'Whether a text is a number as JSON writes it.';
