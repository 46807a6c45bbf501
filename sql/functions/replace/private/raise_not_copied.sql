-- Refuses to replace a table because something of it cannot be made on the new one.
create or replace procedure ampsync_private.raise_not_copied(
  p_table     regclass,
  p_class_id  oid,
  p_object_id oid,
  p_reason    text
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'SY201',
    message = format('table %s cannot be replaced: %s does not fit the new table', p_table,
                     pg_describe_object(p_class_id, p_object_id, 0)),
    detail  = format('%s. Nothing was changed.', p_reason),
    hint    = coalesce(ampsync_private.drop_statement(p_class_id, p_object_id, 0),
                       ampsync_private.dependents_query(p_table));
end;
$$;

comment on procedure ampsync_private.raise_not_copied(regclass, oid, oid, text)
  is 'Raise SY201: something of a table cannot be made on the one that is to replace it.';
