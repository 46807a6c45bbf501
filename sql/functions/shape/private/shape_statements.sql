-- The statements of a migration that was found, as clients of a shape run them: without those about columns that the
-- shape does not have. Null where there are none.
create or replace function ampsync_private.shape_statements(
  p_shape     ampsync_private.shape,
  p_migration text
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_agg(q.statement order by q.n)
    from ampsync.client_migration m
   cross join jsonb_array_elements(m.upqueries) with ordinality q(statement, n)
    join ampsync_private.migration_statement t on t.migration = m.migrationname
                                              and t.direction = 'up'
                                              and t.n = q.n - 1
   where m.migrationname = p_migration
     and starts_with(p_migration, 'found_')
     and (p_shape.columns is null or t.touches -> 'columns' <@ to_jsonb(p_shape.columns));
$$;

comment on function ampsync_private.shape_statements(ampsync_private.shape, text)
  is 'The statements of a migration that was found, as clients of a shape run them.';
