-- What was found at a place of a definition, in words. Places that may hold a secret tell its kind only.
create or replace function ampsync_private.found_value(
  p_source jsonb,
  p_path   text[]
)
  returns text
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when p_source #> p_path is null then 'It is missing.'
              when p_path[1] in ('url', 'query', 'headers', 'body', 'auth')
                then format('Found: a value of JSON type %s.', jsonb_typeof(p_source #> p_path))
              else format('Found: %s', left((p_source #> p_path)::text, 200)) end;
$$;

comment on function ampsync_private.found_value(jsonb, text[])
  is 'What was found at a place of a definition, in words.';
