-- Whether clients can hold values of a type: one of client_types, an enum, a domain over one that
-- they can hold, or an array of such.
create or replace function ampsync_private.is_client_type(
  p_type oid
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type record;
begin
  select t.typtype, t.typbasetype, t.typelem, t.typsubscript::oid as subscript into strict v_type
    from pg_type t
   where t.oid = p_type;
  return case when p_type = any (ampsync_private.client_types()::oid[]) or v_type.typtype = 'e' then true
              when v_type.typtype = 'd' then ampsync_private.is_client_type(v_type.typbasetype)
              when v_type.subscript = 'array_subscript_handler'::regproc
              then ampsync_private.is_client_type(v_type.typelem)
              else false end;
end;
$$;

comment on function ampsync_private.is_client_type(oid)
  is 'Whether clients can hold values of a type.';
