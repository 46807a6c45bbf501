-- What in a database shows that a table was made by the ampsync that was written in Rust, in
-- words; null for any other table, tables of ours among them. That program had two designs:
--
-- 2025  rows with `_id` and a range of blocks; checkpoints in a real table
--       `_ampsync_checkpoints` beside the targets (ours is a view): a row for each table and
--       network, before that one for each table
-- 2026  rows with the key (_tx_id, _row_index); state in amp_client_state and
--       amp_client_buffer_entries
create or replace function ampsync_private.earlier_ampsync(
  p_schema text,
  p_table  text
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with attribute as (
      select n.nspname, c.relname, a.attname, a.atttypid::regtype as type,
             a.attnum = any ((i.indkey::smallint[])[0:i.indnkeyatts - 1]) as is_key
        from pg_namespace n
        join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'p')
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        left join pg_index i on i.indrelid = c.oid and i.indisprimary
       where n.nspname in (p_schema, 'public')
         and c.relname in (p_table, '_ampsync_checkpoints', 'amp_client_state', 'amp_client_buffer_entries')
    ), target as (
      select array_agg(a.attname || ' ' || a.type) as columns,
             array_agg(a.attname::text order by a.attname) filter (where a.is_key) as key
        from attribute a
       where a.nspname = p_schema
         and a.relname = p_table
    )
    select case
             when starts_with(obj_description(o.oid, 'pg_class'), 'Was kept in sync by ampsync')
                  or exists (select 1 from ampsync_private.stream s where s.target = o.oid)
               then null
             when t.columns @> '{_id bytea,_block_num_start bigint,_block_num_end bigint}'
                  and exists (select 1 from attribute a
                               where (a.nspname, a.relname) = (p_schema, '_ampsync_checkpoints')
                                 and (a.attname, a.type) = ('table_name', 'text'::regtype))
                  and exists (select 1 from attribute a
                               where (a.nspname, a.relname) = (p_schema, '_ampsync_checkpoints')
                                 and a.attname ~ 'block'
                                 and a.type in ('bigint'::regtype, 'integer'::regtype, 'numeric'::regtype))
               then format('it keeps its checkpoints in the table %I._ampsync_checkpoints', p_schema)
             when t.columns @> '{_tx_id bigint,_row_index integer}' and t.key = '{_row_index,_tx_id}'
                  and exists (select 1 from attribute a
                               where (a.relname, a.attname) = ('amp_client_state', 'next_transaction_id'))
                  and exists (select 1 from attribute a
                               where (a.relname, a.attname) = ('amp_client_buffer_entries', 'block_ranges'))
               then 'it keeps its state in the tables amp_client_state and amp_client_buffer_entries'
           end
      from target t
     cross join to_regclass(format('%I.%I', p_schema, p_table)) o(oid)
  );
end;
$$;

comment on function ampsync_private.earlier_ampsync(text, text)
  is 'What shows that a table was made by the Rust ampsync; null for any other table.';
