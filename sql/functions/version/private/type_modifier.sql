-- The modifier of a type that is written as format_type() writes it, as pg_attribute stores it; -1
-- if the type has none. Of the types that ampsync stores, numeric alone has one, and so has an
-- array of it.
create or replace function ampsync_private.type_modifier(
  p_type text
)
  returns integer
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((select numerictypmodin(m::cstring[])
                     from regexp_match(p_type, '^numeric[(]([0-9]+),(-?[0-9]+)[)]') m), -1);
$$;

comment on function ampsync_private.type_modifier(text)
  is 'The modifier of a type as format_type() writes it.';
