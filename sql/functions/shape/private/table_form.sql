-- The hash of what rows and statements for clients depend on in the form of a table: its name, its key, and columns
-- with their types there. Not of defaults and indexes, which clients get when they can, nor of the order of columns.
--
-- p_without  columns that are left out: such as came later
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.table_form(
  p_shape   ampsync_private.shape,
  p_table   ampsync_private.published,
  p_columns jsonb,
  p_without text[] default '{}'
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select md5(jsonb_build_array(
             p_table.schema_name, p_table.table_name,
             array(select k.name from ampsync_private.key_columns(p_table, p_columns) k order by k.n),
             (select jsonb_agg(jsonb_build_array(c.name, c.client_type, c.generated,
                                                 case when c.generated is not null then c.col -> 'expression' end)
                               order by c.name)
                from ampsync_private.shape_columns(p_shape, p_columns) c
               where c.name <> all (p_without)))::text));
end;
$$;

comment on function ampsync_private.table_form(ampsync_private.shape, ampsync_private.published, jsonb, text[])
  is 'The hash of what rows and statements for clients depend on in the form of a table.';
