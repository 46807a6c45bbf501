-- The statements that make the target of an HTTP source, in their order: its schema if that is missing;
-- the table, with its key, the columns that are mapped, and when each row came. Storage parameters and
-- long values are as for the tables of datasets (target_ddl).
create or replace function ampsync_private.http_target_ddl(
  p_target_schema text,
  p_table_name    text,
  p_source        jsonb
)
  returns setof text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with columns as (
    select case p_source ->> 'key' when 'content' then '_id bytea primary key' end as ddl, 0 as n
     union all
    select '_row bigint generated always as identity primary key', 0
     where p_source -> 'key' is null or p_source -> 'key' = 'null'
     union all
    select format('%I %s%s', c.value ->> 'name', c.value ->> 'type',
                  case when (c.value ->> 'not_null')::boolean then ' not null' else '' end), c.ordinality
      from jsonb_array_elements(p_source -> 'columns') with ordinality c
     union all
    select 'ingested_at timestamptz not null default clock_timestamp()', 10000
     where not p_source -> 'columns' @> '[{"name": "ingested_at"}]'
     union all
    select format('primary key (%s)', ampsync_private.name_list(ampsync_private.source_key(p_source))), 10001
     where jsonb_typeof(p_source -> 'key') = 'array'
  )
  select format('create schema %I', p_target_schema)
         || case when w.name <> current_user then format(' authorization %I', w.name) else '' end
    from ampsync_private.writer() w(name)
   where to_regnamespace(quote_ident(p_target_schema)) is null
  union all
  select format(E'create table %I.%I (\n  %s\n) with (\n  autovacuum_vacuum_scale_factor = 0.01,\n'
                '  autovacuum_vacuum_insert_scale_factor = 0.02,\n  autovacuum_analyze_scale_factor = 0.02,\n'
                '  vacuum_truncate = off\n)',
                p_target_schema, p_table_name, string_agg(c.ddl, E',\n  ' order by c.n))
    from columns c
  union all
  select format('alter table %I.%I %s', p_target_schema, p_table_name,
                string_agg(format('alter column %I %s', c.value ->> 'name', ampsync_private.long_values(s.enumvals)),
                           ', ' order by c.ordinality))
    from jsonb_array_elements(p_source -> 'columns') with ordinality c,
         pg_settings s
   where c.value ->> 'type' in ('bytea', 'text', 'jsonb')
     and s.name = 'default_toast_compression'
  having count(*) > 0;
$$;

comment on function ampsync_private.http_target_ddl(text, text, jsonb)
  is 'The statements that make the target of an HTTP source, and its schema if that is missing.';
