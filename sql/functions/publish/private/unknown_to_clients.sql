-- What a generated column uses and clients do not have, for people; null: nothing. They have pg_catalog alone, few
-- collations, and text in the place of enums, which is ordered otherwise.
create or replace function ampsync_private.unknown_to_clients(
  p_relation oid,
  p_attnum   smallint
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with expression as (
    select d.oid, pg_get_expr(d.adbin, d.adrelid) as text
      from pg_attrdef d
     where d.adrelid = p_relation and d.adnum = p_attnum
  ), used as (
    select u.refclassid as class, u.refobjid as object, u.refobjsubid as column
      from expression e
      join pg_depend u on u.classid = 'pg_attrdef'::regclass and u.objid = e.oid
  )
  select pg_describe_object(u.class, u.object, 0)
    from used u
   cross join lateral pg_identify_object(u.class, u.object, 0) i
   where u.object <> p_relation
     and (i.schema <> 'pg_catalog' or u.class = 'pg_collation'::regclass and i.name not in ('ucs_basic', 'pg_c_utf8'))
  union all
  select format('the enum %s', format_type(t.oid, null))
    from used u
    join pg_attribute a on a.attrelid = p_relation and a.attnum = u.column and u.object = p_relation
    join pg_type t on t.oid = ampsync_private.base_type(a.atttypid)
    join pg_type e on e.oid = ampsync_private.base_type(coalesce(nullif(t.typelem, 0), t.oid)) and e.typtype = 'e'
   where a.attnum <> p_attnum
  union all
  select 'collation ' || m.found[1] -- Those of pg_catalog are not all noted.
    from expression e
   cross join regexp_matches(e.text, 'COLLATE (?:pg_catalog[.])?("[^"]+"|[a-z_0-9]+)', 'g') m(found)
   where m.found[1] not in ('"C"', '"POSIX"', '"default"', 'ucs_basic', 'pg_c_utf8')
   limit 1;
$$;

comment on function ampsync_private.unknown_to_clients(oid, smallint)
  is 'What a generated column uses and clients do not have.';
