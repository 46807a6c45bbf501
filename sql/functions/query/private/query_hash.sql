-- Tells one query from another: what takes the place of a manifest hash where rows come from a
-- query. Null without a query.
create or replace function ampsync_private.query_hash(
  p_query text
)
  returns text
  language sql
  immutable
  parallel safe
  strict
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select encode(sha256(convert_to(p_query, 'UTF8')), 'hex');
$$;

comment on function ampsync_private.query_hash(text)
  is 'What tells one query from another, in the place of a manifest hash.';
