-- Creates a target table, its schema if that is missing, and the view of checkpoints in it.
-- System columns come first, then the user columns in their order.
--
-- The storage parameters make autovacuum process the table in steps of 1 to 2 %, and keep
-- vacuum from locking readers out to return an empty tail, which a killed COPY leaves. For long
-- values see long_values.
create or replace function ampsync_private.create_target(
  p_target_schema text,
  p_table_name    text,
  p_has_block_num boolean,
  p_columns       jsonb
)
  returns regclass
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name    text := format('%I.%I', p_target_schema, p_table_name);
  v_columns text;
  v_storage text;
begin
  if to_regnamespace(quote_ident(p_target_schema)) is null then
    execute format('create schema %I', p_target_schema);
  end if;

  perform ampsync_private.show_checkpoints(p_target_schema);

  select string_agg(format(E',\n  %I %s%s', c.value ->> 'name', c.value ->> 'type',
                           case when (c.value ->> 'not_null')::boolean then ' not null' else '' end), ''
                    order by c.ordinality)
    into v_columns
    from jsonb_array_elements(p_columns) with ordinality c;

  execute format(
    E'create table %s (\n  _id bytea not null primary key,\n  _block_num_start bigint not null,\n'
    '  _block_num_end bigint not null%s%s\n) with (\n  autovacuum_vacuum_scale_factor = 0.01,\n'
    '  autovacuum_vacuum_insert_scale_factor = 0.02,\n  autovacuum_analyze_scale_factor = 0.02,\n'
    '  vacuum_truncate = off\n)',
    v_name, case when p_has_block_num then E',\n  _block_num bigint not null' else '' end, v_columns);

  select string_agg(format('alter column %I %s', c.value ->> 'name', ampsync_private.long_values(s.enumvals)), ', ')
    into v_storage
    from jsonb_array_elements(p_columns) c,
         pg_settings s
   where c.value ->> 'type' in ('bytea', 'text')
     and s.name = 'default_toast_compression';
  if v_storage is not null then
    execute format('alter table %s %s', v_name, v_storage);
  end if;

  perform ampsync_private.comment_target(v_name::regclass, p_has_block_num);

  return v_name::regclass;
end;
$$;

comment on function ampsync_private.create_target(text, text, boolean, jsonb)
  is 'Create a target table with its system columns, and its schema if that is missing.';
