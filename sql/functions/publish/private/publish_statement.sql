-- The call that was given up, as lock_to_publish knows it: to be made again.
create or replace function ampsync_private.publish_statement(
  p_relation regclass,
  p_identity text
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when p_identity in ('full', 'key')
              then format('select ampsync.publish(%L, identity => %L);', p_relation, p_identity)
              else format('select ampsync.unpublish(%L);', p_relation) end;
$$;

comment on function ampsync_private.publish_statement(regclass, text)
  is 'The call that publishes a table, or ends that, to be made again.';
