-- The host of an http or https address, in lower case and without its port.
create or replace function ampsync_private.url_host(
  p_url text
)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select lower(substring(p_url from '^[A-Za-z]+://([[][^]]*[]]|[^/:?#]+)')));
end;
$$;

comment on function ampsync_private.url_host(text)
  is 'The host of an http or https address.';
