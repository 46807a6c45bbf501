-- The enums, and arrays of them, of the constants in the predicate of an index that roles which are not trusted could
-- rename, so that their names would become those of something else.
create or replace function ampsync_private.foreign_enums(
  p_index regclass
)
  returns oid[]
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(array_agg(distinct t.oid), '{}')
    from pg_index i
   cross join regexp_matches(i.indpred::text, ':consttype ([0-9]+)', 'g') m(found)
    join pg_type t on t.oid = m.found[1]::oid
    join pg_type e on e.oid = coalesce(nullif(t.typelem, 0), t.oid) and e.typtype = 'e'
    join pg_namespace n on n.oid = t.typnamespace
   where i.indexrelid = p_index
     and not (ampsync_private.is_trusted_role(e.typowner) and ampsync_private.is_trusted_role(n.nspowner));
$$;

comment on function ampsync_private.foreign_enums(regclass)
  is 'The enums of constants in a predicate that roles which are not trusted could rename.';
