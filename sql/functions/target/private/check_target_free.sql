-- Rejects a target table that belongs to somebody else: fed by another stream, made by the Rust
-- ampsync, or by anybody else. Asked until the table is created.
create or replace function ampsync_private.check_target_free(
  p_dataset_id    bigint,
  p_table_name    text,
  p_target_schema text,
  p_target_table  text
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_owner   record;
  v_earlier text;
  v_former  boolean; -- The table is one that drop_sync or an uninstallation kept.
begin
  select s.dataset_id, s.table_name, s.target, d.label
    into v_owner
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.target_schema = p_target_schema
     and s.target_table = p_target_table;

  if (v_owner.dataset_id, v_owner.table_name) = (p_dataset_id, p_table_name) and v_owner.target is not null then
    return;
  end if;

  if (v_owner.dataset_id, v_owner.table_name) <> (p_dataset_id, p_table_name) then
    raise exception using
      errcode = 'SY003',
      message = format('Target table %I.%I is already fed by %s.%s',
                       p_target_schema, p_target_table, v_owner.label, v_owner.table_name),
      detail  = 'A target table belongs to exactly one stream.',
      hint    = 'select ampsync.enqueue_sync(''my_dataset'', target_schema => ''another_schema'');';
  end if;

  -- Every table is also a type. PostgreSQL itself renames the array types that are in the way.
  if exists (select 1
               from pg_type t
               left join pg_class c on c.oid = t.typrelid
              where t.typnamespace = to_regnamespace(quote_ident(p_target_schema))
                and t.typname = p_target_table
                and coalesce(c.relkind, 'c') = 'c'
                and t.typcategory <> 'A') then
    raise exception using
      errcode = 'SY003',
      message = format('Type %I.%I has the name of the target table', p_target_schema, p_target_table),
      detail  = 'A table and a type of one schema cannot have the same name.',
      hint    = format('alter type %I.%I rename to %I;',
                       p_target_schema, p_target_table, left(p_target_table, 58) || '_type');
  end if;

  v_earlier := ampsync_private.earlier_ampsync(p_target_schema, p_target_table);
  if v_earlier is not null then
    raise exception using
      errcode = 'SY003',
      message = format('Target table %I.%I was made by the Rust ampsync', p_target_schema, p_target_table),
      detail  = format('Nothing was changed: %s. A table of that program is not continued. The dataset can be loaded '
                       'into another schema beside it, and then take its place: ampsync.adopt.', v_earlier),
      hint    = coalesce((select ampsync_private.http_statement(
                                   d.label, d.definition, ampsync_private.target_option(
                                     p_target_schema, ampsync_private.free_name(p_target_schema, p_target_table)))
                            from ampsync_private.dataset d
                           where d.dataset_id = p_dataset_id
                             and d.kind = 'http'),
                         ampsync_private.load_beside(p_dataset_id, p_target_table));
  end if;

  v_former := obj_description(to_regclass(format('%I.%I', p_target_schema, p_target_table)), 'pg_class')
                ~ '^Was kept in sync by ampsync';
  if to_regclass(format('%I.%I', p_target_schema, p_target_table)) is not null then
    raise exception using
      errcode = 'SY003',
      message = format(case when v_former then 'Target table %I.%I exists since an earlier sync that was dropped'
                            else 'Target table %I.%I exists and was not created by ampsync' end,
                       p_target_schema, p_target_table),
      detail  = case when v_former
        then 'The records of what it holds were dropped with that sync, so the dataset is loaded into a new table. '
             'Keep the old one under another name, or drop it.'
        else 'Its rows would be mixed with those of the dataset.' end,
      hint    = format('alter table %I.%I rename to %I;', p_target_schema, p_target_table,
                       ampsync_private.free_name(p_target_schema, p_target_table));
  end if;
end;
$$;

comment on function ampsync_private.check_target_free(bigint, text, text, text)
  is 'Raise SY003 if a target table belongs to another stream or to the user.';
