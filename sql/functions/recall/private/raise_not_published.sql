-- Refuses, with SY401, to look back at a table that is not published, or not in the way that is asked for.
create or replace function ampsync_private.raise_not_published(
  p_target text,
  p_what   text,
  p_detail text,
  p_hint   text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'SY401',
    message = format('%s %s', p_target, p_what),
    detail  = p_detail,
    hint    = p_hint;
end;
$$;

comment on function ampsync_private.raise_not_published(text, text, text, text)
  is 'Refuse to look back at a table that is not published in the way that is asked for.';
