-- To which type a text may be cast with our rights, with its modifier: of a domain its base type, since its checks
-- are code of whoever made it. Null for any other that is not PostgreSQL's own: its owner may have made a cast.
create or replace function ampsync_private.trusted_type(
  p_type     oid,
  p_modifier integer
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type pg_type;
begin
  select * into v_type
    from pg_type t
   where t.oid = p_type;
  if v_type.typtype = 'd' then
    return ampsync_private.trusted_type(v_type.typbasetype, v_type.typtypmod);
  elsif v_type.typnamespace = 'pg_catalog'::regnamespace then
    return format_type(p_type, p_modifier);
  end if;
  return null;
end;
$$;

comment on function ampsync_private.trusted_type(oid, integer)
  is 'To which type a text may be cast with our rights, without running code of others.';
