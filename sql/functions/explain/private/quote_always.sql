-- A name in the SQL of an Amp server, which quotes every name: quote_ident leaves plain ones bare.
create or replace function ampsync_private.quote_always(
  p_name text
)
  returns text
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select '"' || replace(p_name, '"', '""') || '"';
$$;

comment on function ampsync_private.quote_always(text)
  is 'A quoted name, as in the SQL of an Amp server.';
