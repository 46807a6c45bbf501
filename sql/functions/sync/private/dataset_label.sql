-- How a dataset is written for people: the way they wrote it to enqueue_sync,
-- without the default namespace.
create or replace function ampsync_private.dataset_label(
  p_namespace text,
  p_name      text,
  p_revision  text
)
  returns text
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when p_namespace = '_' then '' else p_namespace || '/' end
      || p_name
      || coalesce('@' || p_revision, '');
$$;

comment on function ampsync_private.dataset_label(text, text, text)
  is 'A dataset reference as people write it.';
