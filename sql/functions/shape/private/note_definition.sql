-- Says that shapes or publications are other than before (definition_changed), whoever changed them.
create or replace function ampsync_private.note_definition()
  returns trigger
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform ampsync_private.definition_changed(tg_table_name);
  return null;
end;
$$;

comment on function ampsync_private.note_definition()
  is 'Trigger: shapes or publications are other than before.';

create or replace trigger note_definition
  after insert or delete or update of name, definition, uses, state, error
  on ampsync_private.shape
  for each statement
  execute function ampsync_private.note_definition();

create or replace trigger note_definition
  after insert or update of schema_name, table_name, relation, columns, state, floor
  on ampsync_private.published
  for each statement
  execute function ampsync_private.note_definition();
