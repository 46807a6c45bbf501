-- A text as JSON; null if it is none.
create or replace function ampsync_private.as_json(
  p_text text
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return p_text::jsonb;
exception
  when data_exception or program_limit_exceeded then
    return null;
end;
$$;

comment on function ampsync_private.as_json(text)
  is 'A text as JSON; null if it is none.';
