-- What clients call the definition of a shape together with the form of its table: with another one they load it.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.form_definition(
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
  return left(md5(p_shape.definition || ampsync_private.table_form(p_shape, p_table, p_columns, p_without)), 16);
end;
$$;

comment on function ampsync_private.form_definition(ampsync_private.shape, ampsync_private.published, jsonb, text[])
  is 'What clients call the definition of a shape together with the form of its table.';
