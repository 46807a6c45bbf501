-- The tables of a dataset that are not in a schema yet, and the tables there whose place they
-- would take (null: there is none).
create or replace function ampsync_private.adoptable(
  p_dataset_id    bigint,
  p_target_schema text
)
  returns table (stream_id bigint, table_name text, state text, target regclass, schema text, name text, old regclass)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select s.stream_id, s.table_name, s.state, s.target, s.target_schema, s.target_table,
         to_regclass(format('%I.%I', p_target_schema, s.target_table))
    from ampsync_private.stream s
   where s.dataset_id = p_dataset_id
     and s.shadow_of is null
     and s.state <> 'orphaned'
     and s.target_schema <> p_target_schema;
$$;

comment on function ampsync_private.adoptable(bigint, text)
  is 'The tables of a dataset that ampsync.adopt would move into a schema, each with the one whose place it takes.';
