-- What a type of a column is in clients: of an enum text, of a domain its base type, and so in arrays. Values
-- that are added to an enum, and domains that become narrower, cannot fail there. Any other type is itself.
create or replace function ampsync_private.client_type(
  p_type oid
)
  returns oid
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
  return case
    when v_type.typtype = 'e' then 'text'::regtype
    when v_type.typtype = 'd' then ampsync_private.client_type(v_type.typbasetype)
    when v_type.typcategory = 'A' and v_type.typelem <> ampsync_private.client_type(v_type.typelem)
      then (select t.typarray from pg_type t where t.oid = ampsync_private.client_type(v_type.typelem))
    else p_type end;
end;
$$;

comment on function ampsync_private.client_type(oid)
  is 'The type that a column of some type has in clients: enums are text, domains their base type.';
