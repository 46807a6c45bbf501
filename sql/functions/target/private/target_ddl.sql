-- The statements that make a target table, in their order; the table has its system columns
-- first, then the user columns in their order. Under identity `transaction` the key does not
-- say the block, so there is an index by which reorgs find the rows they remove.
--
-- The storage parameters make autovacuum process the table in steps of 1 to 2 %, and keep
-- vacuum from locking readers out to return an empty tail, which a killed COPY leaves. For long
-- values see long_values.
create or replace function ampsync_private.target_ddl(
  p_target_schema text,
  p_table_name    text,
  p_has_block_num boolean,
  p_columns       jsonb,
  p_identity      text
)
  returns setof text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select format('create schema %I', p_target_schema)
         || case when w.name <> current_user then format(' authorization %I', w.name) else '' end
    from ampsync_private.writer() w(name)
   where to_regnamespace(quote_ident(p_target_schema)) is null
  union all
  select format(
           E'create table %I.%I (\n  %s,\n  _block_num_start bigint not null,\n'
           '  _block_num_end bigint not null%s%s%s\n) with (\n  autovacuum_vacuum_scale_factor = 0.01,\n'
           '  autovacuum_vacuum_insert_scale_factor = 0.02,\n  autovacuum_analyze_scale_factor = 0.02,\n'
           '  vacuum_truncate = off\n)',
           p_target_schema, p_table_name,
           case p_identity when 'content' then '_id bytea not null primary key'
                           else E'_tx_id bigint not null,\n  _row_index integer not null' end,
           case when p_has_block_num then E',\n  _block_num bigint not null' else '' end,
           string_agg(format(E',\n  %I %s%s', c.value ->> 'name', c.value ->> 'type',
                             case when (c.value ->> 'not_null')::boolean then ' not null' else '' end), ''
                      order by c.ordinality),
           case p_identity when 'content' then '' else E',\n  primary key (_tx_id, _row_index)' end)
    from jsonb_array_elements(p_columns) with ordinality c
  union all
  select format('create index on %I.%I (_block_num_end)', p_target_schema, p_table_name)
   where p_identity = 'transaction'
  union all
  select format('alter table %I.%I %s', p_target_schema, p_table_name,
                string_agg(format('alter column %I %s', c.value ->> 'name', ampsync_private.long_values(s.enumvals)),
                           ', ' order by c.ordinality))
    from jsonb_array_elements(p_columns) with ordinality c,
         pg_settings s
   where c.value ->> 'type' in ('bytea', 'text')
     and s.name = 'default_toast_compression'
  having count(*) > 0;
$$;

comment on function ampsync_private.target_ddl(text, text, boolean, jsonb, text)
  is 'The statements that make a target table, and its schema if that is missing.';
