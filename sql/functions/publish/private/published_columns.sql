-- The columns of a table as clients and the decoder have to know them, in the order of the table:
-- [{"name", "attnum", "type": its oid as text, as a Relation message has it, "typmod", "client_type": its name in
--   clients, "not_null", "default": an expression, of the domain where the column has none, "key": whether it is in
--   the primary key, "generated": null, stored or virtual, "expression": what is generated}].
-- Empty for a table that is gone.
--
-- A NOT NULL that was not validated (PostgreSQL 18) says nothing about rows, so it is none.
--
-- Reads with the snapshot of the caller's statement; PostgreSQL itself reads names within expressions later.
-- Locks: from PostgreSQL 17 on ACCESS SHARE on the table, if it has defaults or generated columns.
--
-- In PL/pgSQL, which keeps plans; without force_generic_plan it would plan each time all the same.
create or replace function ampsync_private.published_columns(
  p_table regclass
)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
             'name', a.attname,
             'attnum', a.attnum,
             'type', a.atttypid::text,
             'typmod', a.atttypmod,
             'client_type', format_type(ampsync_private.client_type(a.atttypid),
                                        case t.typtype when 'd' then t.typtypmod
                                                       when 'e' then -1 else a.atttypmod end),
             'not_null', a.attnotnull and not exists (select 1
                                                        from pg_constraint n
                                                       where n.conrelid = a.attrelid
                                                         and n.contype = 'n'
                                                         and n.conkey = array[a.attnum]
                                                         and not n.convalidated),
             'default', case when a.attgenerated = '' then coalesce(pg_get_expr(d.adbin, d.adrelid),
                                                                    pg_get_expr(t.typdefaultbin, 0)) end,
             'key', coalesce(a.attnum = any (ampsync_private.index_key_columns(k.indexrelid)), false),
             'generated', case a.attgenerated when 's' then 'stored' when 'v' then 'virtual' end,
             'expression', case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid) end)
           order by a.attnum), '[]')
      from pg_attribute a
      left join pg_type t on t.oid = a.atttypid
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
      left join pg_index k on k.indrelid = a.attrelid and k.indisprimary
     where a.attrelid = p_table
       and a.attnum > 0
       and not a.attisdropped);
end;
$$;

comment on function ampsync_private.published_columns(regclass)
  is 'The columns of a table as a row of published keeps them.';
