-- A published table as judge_form takes what is noted of it.
create or replace function ampsync_private.form_as_noted(
  p_table ampsync_private.published
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('relation', p_table.relation::oid::text, 'state', p_table.state,
                            'schema', p_table.schema_name, 'table', p_table.table_name,
                            'columns', p_table.columns, 'storage', p_table.storage);
$$;

comment on function ampsync_private.form_as_noted(ampsync_private.published)
  is 'A published table as judge_form takes what is noted of it.';
