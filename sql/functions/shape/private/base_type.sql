-- The type below domains: where code of whoever made a domain would run, it stands in its place.
create or replace function ampsync_private.base_type(
  p_type oid
)
  returns oid
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_base oid;
begin
  select t.typbasetype into v_base
    from pg_type t
   where t.oid = p_type
     and t.typtype = 'd';
  return case when found then ampsync_private.base_type(v_base) else p_type end;
end;
$$;

comment on function ampsync_private.base_type(oid)
  is 'The type below domains.';
