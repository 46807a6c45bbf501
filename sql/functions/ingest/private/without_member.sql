-- A definition without what this path leads to, written so that ampsync.enqueue_http takes it away
-- from a source that has it: null removes a key.
create or replace function ampsync_private.without_member(
  p_source jsonb,
  p_path   text[]
)
  returns jsonb
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case cardinality(p_path) when 1 then p_source || jsonb_build_object(p_path[1], null)
                                  else p_source #- p_path end;
$$;

comment on function ampsync_private.without_member(jsonb, text[])
  is 'A definition without one of its members, as ampsync.enqueue_http takes it.';
