-- Whether all tables of a dataset have queries. It then is a name for them: there is nothing to
-- look up in the Admin API, and no version to follow, since each query names what it reads.
create or replace function ampsync_private.has_only_queries(
  p_dataset ampsync_private.dataset
)
  returns boolean
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (p_dataset).tables <@ array(select q.name from jsonb_object_keys((p_dataset).queries) q(name)), false);
$$;

comment on function ampsync_private.has_only_queries(ampsync_private.dataset)
  is 'Whether all tables of a dataset have queries.';
