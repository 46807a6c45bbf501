-- Refuses ampsync.adopt before anything is changed: for a table that is not live, since readers
-- would lose what it has not loaded yet, and where what has its name is not of the Rust ampsync,
-- or belongs to a role that could then have our own run code, or whose rights the caller does not have.
create or replace function ampsync_private.check_adoptable(
  p_dataset_id    bigint,
  p_target_schema text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_label  text := (select d.label from ampsync_private.dataset d where d.dataset_id = p_dataset_id);
  v_caller name := ampsync_private.caller();
  v_table  record;
begin
  if to_regnamespace(quote_ident(p_target_schema)) is null then
    raise exception using
      errcode = 'SY004',
      message = format('there is no schema %s', coalesce(quote_ident(p_target_schema), 'null')),
      detail  = 'It is the schema of the tables that the Rust ampsync made.',
      hint    = format('select ampsync.adopt(%L, ''public'');', v_label);
  end if;

  call ampsync_private.check_may_create(p_target_schema);
  perform ampsync_private.check_may_read(to_regnamespace(quote_ident(p_target_schema)), null);

  for v_table in
    select a.*, ampsync_private.earlier_ampsync(p_target_schema, a.name) is not null as is_theirs, o.rolname as owner,
           n.relowner <> c.relowner as is_foreign,
           a.old is null or ampsync_private.is_shared_writer(c.relowner) or pg_has_role(v_caller, c.relowner, 'usage')
             as is_given, pg_get_userbyid(n.relowner) as our_owner
      from ampsync_private.adoptable(p_dataset_id, p_target_schema) a
      left join pg_class c on c.oid = a.old
      left join pg_roles o on o.oid = c.relowner
      left join pg_class n on n.oid = a.target
     order by a.stream_id
  loop
    if v_table.state <> 'live' or v_table.target is null then
      raise exception using
        errcode = 'SY004',
        message = format('table %s of %s is not live yet', v_table.table_name, v_label),
        detail  = format('It is %s. Nothing was changed: readers would lose the rows that are not loaded yet.',
                         v_table.state),
        hint    = format('Once all tables are: select ampsync.adopt(%L, %L); -- '
                         'select table_name, state, reason from ampsync.streams;', v_label, p_target_schema);
    end if;
    if v_table.old is not null and not v_table.is_theirs then
      raise exception using
        errcode = 'SY003',
        message = format('Table %I.%I was not made by the Rust ampsync', p_target_schema, v_table.name),
        detail  = 'Nothing was changed: only tables of that program are replaced.',
        hint    = format('alter table %I.%I rename to %I;', p_target_schema, v_table.name,
                         ampsync_private.free_name(p_target_schema, v_table.name));
    end if;
    if not v_table.is_given then
      raise exception using
        errcode = '42501',
        message = format('table %s belongs to %I, whose rights role %I does not have', v_table.old, v_table.owner,
                         v_caller),
        detail  = 'Nothing was changed: whoever may replace a table has the rights of its owner.',
        hint    = format('grant %I to %I; -- or as %1$I: select ampsync.adopt(%L, %L);', v_table.owner, v_caller,
                         v_label, p_target_schema);
    end if;
    if v_table.is_foreign then
      raise exception using
        errcode = 'SY201',
        message = format('table %s belongs to %I', v_table.old, v_table.owner),
        detail  = format('Nothing was changed. Its place is taken by %s of %I, and a table keeps its owner.',
                         v_table.target, v_table.our_owner),
        hint    = format('alter table %I.%I owner to %I; select ampsync.adopt(%L, %L);', p_target_schema, v_table.name,
                         v_table.our_owner, v_label, p_target_schema);
    end if;
    call ampsync_private.check_may_drop(v_table.target);
    perform ampsync_private.check_schema(v_table.stream_id, p_target_schema);
  end loop;
end;
$$;

comment on function ampsync_private.check_adoptable(bigint, text)
  is 'Raise an error if the tables of a dataset cannot take the place of those of the Rust ampsync.';
