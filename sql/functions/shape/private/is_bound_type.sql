-- Whether equal values of a type have equal texts, so that a shape may bind a column of it.
create or replace function ampsync_private.is_bound_type(
  p_type oid
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select p_type = any ('{bool,int2,int4,int8,uuid,text,varchar,bytea,date}'::regtype[])
         or exists (select from pg_type t where t.oid = p_type and t.typtype = 'e');
$$;

comment on function ampsync_private.is_bound_type(oid)
  is 'Whether equal values of a type have equal texts.';
