-- Whether a Relation message is as a published table is noted: its name, the names, types and order of columns, and
-- under identity `key` which of them are the key.
create or replace function ampsync_private.is_as_noted(
  p_table    ampsync_private.published,
  p_relation jsonb
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select (p_table.schema_name, p_table.table_name) = (p_relation ->> 'schema', p_relation ->> 'table')
     and ampsync_private.sent_form(p_table.columns) = ampsync_private.form_of(p_relation -> 'columns')
     and (p_table.identity <> 'key'
          or p_relation ->> 'identity' <> 'd'
          or not exists (select 1
                           from jsonb_array_elements(p_table.columns) n(col)
                           join jsonb_array_elements(p_relation -> 'columns') f(col)
                             on f.col ->> 'name' = n.col ->> 'name'
                          where n.col -> 'key' <> f.col -> 'key'));
$$;

comment on function ampsync_private.is_as_noted(ampsync_private.published, jsonb)
  is 'Whether a Relation message is as a published table is noted.';
