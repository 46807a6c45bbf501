-- What a body already has where this pointer leads to, or on the way there instead of an object: its
-- path, or null if the place is free.
create or replace function ampsync_private.occupied_path(
  p_body    jsonb,
  p_pointer text
)
  returns text[]
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select p.path[:n.n]
    from (select ampsync_private.pointer_path(p_pointer)) p (path)
   cross join generate_series(0, cardinality(p.path)) n (n)
   where n.n = cardinality(p.path) and p_body #> p.path is not null
      or jsonb_typeof(p_body #> p.path[:n.n]) <> 'object'
   order by n.n
   limit 1;
$$;

comment on function ampsync_private.occupied_path(jsonb, text)
  is 'What a body already has where a pointer leads to, or on the way there.';
