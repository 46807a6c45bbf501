-- Refuses to publish a table: SY402.
create or replace function ampsync_private.raise_unpublishable(
  p_relation regclass,
  p_because  text,
  p_detail   text,
  p_hint     text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'SY402',
    message = format('%s cannot be published: %s', p_relation, p_because),
    detail  = p_detail,
    hint    = p_hint;
end;
$$;

comment on function ampsync_private.raise_unpublishable(regclass, text, text, text)
  is 'Refuse to publish a table.';
