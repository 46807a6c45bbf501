-- A name, cut to so many bytes, in whole characters: what is appended to it then fits into the 63
-- bytes of an identifier. PostgreSQL would cut a longer one, and might make the same name of it again.
create or replace function ampsync_private.cut_name(
  p_name  text,
  p_bytes integer
)
  returns text
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select left(p_name, max(n.n))
    from generate_series(0, p_bytes) n(n)
   where octet_length(left(p_name, n.n)) <= p_bytes;
$$;

comment on function ampsync_private.cut_name(text, integer)
  is 'A name cut to so many bytes, in whole characters.';
