-- A table as the argument `target` of ampsync.enqueue_http, for hints.
create or replace function ampsync_private.target_option(
  p_schema text,
  p_table  text
)
  returns text
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select format('target => %L', format('%I.%I', p_schema, p_table));
$$;

comment on function ampsync_private.target_option(text, text)
  is 'A table as the argument target of ampsync.enqueue_http, for hints.';
