-- The statements by which clients follow a change of form, and those that take it back:
-- {"up": [statement, …], "down": […], "touches": [{"tables", "columns", "renames"}, …] of each up, and as
--  "touches_down" of each down}.
--
-- Whoever loads a table reads it as it is then, which may be ahead of the log: a statement whose effect is there
-- already does nothing.
--
-- Columns that were added get what older rows have in them as default, so that rows of clients get it, and then their
-- default of now, if clients have it at all.
--
-- p_noted, p_found  as for judge_form
-- p_missing  {column: value} of added columns
create or replace function ampsync_private.client_statements(
  p_noted   jsonb,
  p_found   jsonb,
  p_missing jsonb
)
  returns jsonb
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with names as (
    select p_noted ->> 'schema' as schema, p_noted ->> 'table' as "table",
           p_found ->> 'schema' as new_schema, p_found ->> 'table' as new_table,
           format('%I.%I', p_found ->> 'schema', p_found ->> 'table') as target
  ),
  columns as (
    select f.n, f.col ->> 'name' as name, f.col ->> 'client_type' as type, o.col is null as is_new,
           ampsync_private.client_default(f.col ->> 'default') as default,
           ampsync_private.client_default(o.col ->> 'default') as old_default,
           p_missing ->> (f.col ->> 'name') as missing
      from jsonb_array_elements(p_found -> 'columns') with ordinality f(col, n)
      left join jsonb_array_elements(p_noted -> 'columns') with ordinality o(col, n) using (n)
  ),
  statement as (
    select -3 as n, 0 as part, format('create schema if not exists %I', t.new_schema) as up,
           format('create schema if not exists %I', t.schema) as down,
           '{"tables": [], "columns": [], "renames": {}}'::jsonb as touches
      from names t
     where t.schema <> t.new_schema
    union all
    select -2, 0, format('alter table if exists %I.%I set schema %I', t.schema, t.table, t.new_schema),
           format('alter table if exists %I.%I set schema %I', t.new_schema, t.table, t.schema),
           jsonb_build_object('tables', jsonb_build_array(format('%I.%I', t.schema, t.table)), 'columns', '[]'::jsonb,
                              'renames', jsonb_build_object(format('%I.%I', t.schema, t.table),
                                                            format('%I.%I', t.new_schema, t.table)))
      from names t
     where t.schema <> t.new_schema
    union all
    select -1, 0, format('alter table if exists %I.%I rename to %I', t.new_schema, t.table, t.new_table),
           format('alter table if exists %I.%I rename to %I', t.new_schema, t.new_table, t.table),
           jsonb_build_object('tables', jsonb_build_array(format('%I.%I', t.new_schema, t.table)),
                              'columns', '[]'::jsonb,
                              'renames', jsonb_build_object(format('%I.%I', t.new_schema, t.table), t.target))
      from names t
     where t.table <> t.new_table
    union all
    select c.n, 0, format('alter table if exists %s add column if not exists %I %s', t.target, c.name, c.type)
                   || coalesce(format(' default %L', c.missing), ''),
           format('alter table if exists %s drop column if exists %I', t.target, c.name),
           jsonb_build_object('tables', jsonb_build_array(t.target), 'columns', jsonb_build_array(c.name),
                              'renames', '{}'::jsonb)
      from names t, columns c
     where c.is_new
    union all
    select c.n, 1, format('alter table if exists %s alter column %I ', t.target, c.name)
                   || coalesce('set default ' || c.default, 'drop default'),
           format('alter table if exists %s alter column %I ', t.target, c.name)
             || coalesce('set default ' || case when c.is_new then c.default else c.old_default end, 'drop default'),
           jsonb_build_object('tables', jsonb_build_array(t.target), 'columns', jsonb_build_array(c.name),
                              'renames', '{}'::jsonb)
      from names t, columns c
     where case when c.is_new then c.default is not null or c.missing is not null
                else c.default is distinct from c.old_default end
  )
  select jsonb_build_object('up', coalesce(jsonb_agg(s.up order by s.n, s.part), '[]'),
                            'down', coalesce(jsonb_agg(s.down order by s.n <> -3, s.n desc, s.part desc), '[]'),
                            'touches', coalesce(jsonb_agg(s.touches order by s.n, s.part), '[]'),
                            'touches_down', coalesce(jsonb_agg(s.touches
                                                               order by s.n <> -3, s.n desc, s.part desc), '[]'))
    from statement s;
$$;

comment on function ampsync_private.client_statements(jsonb, jsonb, jsonb)
  is 'The statements by which clients follow a change of form, and those that take it back.';
