-- Refuses a target of an HTTP source that is another stream's, or a table that is there (SY003): that is
-- taken only where the definition says `adopt`, it fits (check_adopted_table), and the caller of the
-- door has the rights of its owner (42501), since the door has them. Returns that table, or null where there is
-- none to be taken. Asked until the source has its table.
create or replace function ampsync_private.check_http_target(
  p_dataset       ampsync_private.dataset,
  p_target_schema text,
  p_target_table  text
)
  returns regclass
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table  regclass := to_regclass(format('%I.%I', p_target_schema, p_target_table));
  v_owner  name;
  v_other  text;
begin
  select d.label || '.' || s.table_name into v_other
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.target_schema = p_target_schema
     and s.target_table = p_target_table
     and s.dataset_id <> p_dataset.dataset_id;
  if found then
    raise exception using
      errcode = 'SY003',
      message = format('Target table %I.%I is already fed by %s', p_target_schema, p_target_table, v_other),
      detail  = 'A target table belongs to exactly one stream.',
      hint    = ampsync_private.http_statement(p_dataset.label, p_dataset.definition, ampsync_private.target_option(
                  p_target_schema, ampsync_private.free_name(p_target_schema, p_target_table)));
  end if;
  if v_table is null or not p_dataset.definition @> '{"adopt": true}' then
    perform ampsync_private.check_target_free(p_dataset.dataset_id, p_dataset.name, p_target_schema, p_target_table);
    return null;
  end if;

  select pg_get_userbyid(c.relowner) into strict v_owner from pg_class c where c.oid = v_table;
  if not pg_has_role(ampsync_private.caller(), v_owner, 'usage') then
    raise exception using
      errcode = '42501',
      message = format('role %I may not give away table %s', ampsync_private.caller(), v_table),
      detail  = format('It belongs to %I. A table that is there becomes a target only for who has the rights of its '
                       'owner.', v_owner),
      hint    = format('grant %I to %I;', v_owner, ampsync_private.caller());
  end if;
  perform ampsync_private.check_adopted_table(p_dataset.label, p_dataset.definition, v_table);
  return v_table;
end;
$$;

comment on function ampsync_private.check_http_target(ampsync_private.dataset, text, text)
  is 'Raise SY003, 42501 or SY201 if a table cannot be the target of an HTTP source.';
