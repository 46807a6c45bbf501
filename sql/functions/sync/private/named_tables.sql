-- The tables that the options of a dataset name: it waits for those that it does not have. Those
-- that have queries are not tables of the dataset.
create or replace function ampsync_private.named_tables(
  p_dataset ampsync_private.dataset
)
  returns text[]
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select array((select t.name from unnest(p_dataset.tables) t(name)
                 union
                select k.name from jsonb_object_keys(p_dataset.rename || p_dataset.exclude_columns) k(name))
                except
               select q.name from jsonb_object_keys(p_dataset.queries) q(name));
$$;

comment on function ampsync_private.named_tables(ampsync_private.dataset)
  is 'The tables that the options of a dataset name.';
