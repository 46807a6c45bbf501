-- The lists of pages that a statement of upsert_text looks into, as literals.
create or replace function ampsync_private.upsert_lists(
  p_stream ampsync_private.stream,
  p_firsts integer[],
  p_parts  bigint[],
  p_looked boolean[]
)
  returns text[]
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select array[format('%L::integer[]', p_firsts), format('%L::bigint[]', p_parts),
               format('%L::text[]', ampsync_private.known_fields(p_stream)), format('%L::boolean[]', p_looked)];
$$;

comment on function ampsync_private.upsert_lists(ampsync_private.stream, integer[], bigint[], boolean[])
  is 'The lists of pages that a statement of upsert_text looks into, as literals.';
