-- Refuses a changed definition of a source (SY004): with another position than the stored one, unless
-- the source is restarted, and with a key or columns that its table does not have. New columns are
-- added; those that are there keep their types, and are not left out, as long as the table has them.
create or replace function ampsync_private.check_source_change(
  p_dataset ampsync_private.dataset,
  p_source  jsonb,
  p_restart boolean
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_change  constant jsonb := ampsync_private.as_change(p_dataset.definition, p_source);
  v_stream  ampsync_private.stream;
  v_changed record;
  v_key     text;
begin
  select s.* into strict v_stream
    from ampsync_private.stream s
   where s.dataset_id = p_dataset.dataset_id;

  if p_source -> 'key' is distinct from p_dataset.definition -> 'key' and v_stream.target is not null then
    perform ampsync_private.raise_source(
      p_dataset.label, '{key}', 'is fixed once the table is created',
      format('Table %s has the key %s.', v_stream.target, coalesce(p_dataset.definition ->> 'key', 'none')),
      v_change || jsonb_build_object('key', p_dataset.definition -> 'key'));
  end if;
  select array_agg(o.name order by a.attnum) as names,
         array_agg(case when n.name is null then 'is left out, and the table has it'
                        when n.type <> o.type then format('is of type %s in the table',
                                                          format_type(a.atttypid, a.atttypmod))
                        when n.not_null then 'may be NULL in the table'
                        else 'is NOT NULL in the table' end order by a.attnum) as rules,
         jsonb_object_agg(o.name, jsonb_strip_nulls(to_jsonb(o) - 'name')) as kept
    into v_changed
    from jsonb_to_recordset(ampsync_private.full_columns(p_dataset.definition))
           o (name text, "from" text, type text, unit text, not_null boolean)
    join pg_attribute a on a.attrelid = v_stream.target and a.attname = o.name and not a.attisdropped
    left join jsonb_to_recordset(ampsync_private.full_columns(p_source)) n (name text, type text, not_null boolean)
           on n.name = o.name
   where n.name is null
      or n.type <> o.type and to_regtype(n.type) is distinct from a.atttypid::regtype
      or n.not_null <> o.not_null and n.not_null <> a.attnotnull;
  if v_changed.names is not null then
    perform ampsync_private.raise_source(
      p_dataset.label, array['columns', v_changed.names[1]], v_changed.rules[1],
      format('Table %s is not changed by that. A column that shall be another way there is altered by hand; then it '
             'can be so here.', v_stream.target),
      jsonb_set(v_change, '{columns}', coalesce(p_source -> 'columns', p_dataset.definition -> 'columns', '{}')
                                       || v_changed.kept));
  end if;

  if not p_restart
     and ampsync_private.position_keys(p_source) <> ampsync_private.position_keys(p_dataset.definition)
     and ampsync_private.has_position(v_stream.stream_id) then
    select k.key into strict v_key
      from jsonb_each(ampsync_private.position_keys(p_source)) k
     where k.value <> ampsync_private.position_keys(p_dataset.definition) -> k.key
     limit 1;
    raise exception using
      errcode = 'SY004',
      message = format('source of %s: /%s is changed, and the stored position means nothing with it', p_dataset.label,
                       v_key),
      detail  = format('Nothing was changed. With restart => true the source is read again from its beginning%s.',
                       case when p_dataset.definition ? 'key' then ', into the same table, by its key' else '' end),
      hint    = ampsync_private.restart_statement(p_dataset, v_change);
  end if;
  if p_restart then
    perform ampsync_private.check_restartable(p_dataset, p_source);
  end if;
end;
$$;

comment on function ampsync_private.check_source_change(ampsync_private.dataset, jsonb, boolean)
  is 'Raise SY004 for a changed definition that its table or its stored position does not fit.';
