-- Adds to an error of PostgreSQL about a target the statements that help, as found in the
-- catalogue, and returns it. For a pass, a repair or a swap that ended with that error. Other
-- errors come with a hint, or need none.
--
-- p_error: {"code", "message", "detail", "hint"}; 23503 and 23001 also have "constraint", its name.
create or replace function ampsync_private.add_hint(
  p_stream_id bigint,
  p_error     jsonb
)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_code   text := p_error ->> 'code';
  v_stream ampsync_private.stream;
  v_table  regclass;
  v_hint   text;
begin
  if p_error ->> 'code' like 'SY%' and p_error ->> 'hint' ~ '<correct [{]|<larger pages>' then -- Of an HTTP source.
    p_error := p_error || jsonb_build_object('hint', ampsync_private.fill_hint(p_stream_id, p_error ->> 'hint'));
  end if;
  if p_error ->> 'hint' like '%<dataset>%' then -- Written where the stream of the error was not known.
    return p_error || jsonb_build_object('hint', (
      select replace(replace(replace(p_error ->> 'hint', '<dataset>', d.label), '<table>', s.table_name), '<excluded>',
                     coalesce((select string_agg(replace(to_json(n.name)::text, '''', '''''') || ', ', '')
                                 from jsonb_array_elements_text(d.exclude_columns -> s.table_name) n(name)), ''))
        from ampsync_private.stream s
        join ampsync_private.dataset d using (dataset_id)
       where s.stream_id = p_stream_id));
  end if;

  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     and v_code in ('23503', '23001', '42501', '42P01', '3F000', '42883', '42704');
  if not found then
    return p_error;
  end if;
  select c.oid into v_table -- Null if it is not created yet, or gone.
    from pg_class c
   where c.oid = v_stream.target;

  if v_code in ('23503', '23001') then -- PostgreSQL 18 has the other one for ON DELETE RESTRICT.
    -- When a reorg deletes rows, rows that refer to them must go too. New rows may refer to rows that are missing.
    select string_agg(case when k.confrelid = v_table
             then format('alter table %1$s drop constraint %2$I; alter table %1$s add constraint %2$I %3$s; ',
                         k.conrelid::regclass, k.conname,
                         regexp_replace(replace(pg_get_constraintdef(k.oid), ' ON DELETE RESTRICT', ''),
                                        '( DEFERRABLE| NOT VALID|$)', E' ON DELETE CASCADE\\1'))
             else format('alter table %s drop constraint %I; ', v_table, k.conname) end, '' order by k.conname)
      into v_hint
      from pg_constraint k
     where k.contype = 'f'
       and k.conparentid = 0
       and k.conname = coalesce(p_error ->> 'constraint', k.conname)
       and (k.confrelid = v_table and k.confdeltype in ('a', 'r') or k.conrelid = v_table);

  elsif v_code = '42501' then
    v_hint := concat(
      case when to_regnamespace(quote_ident(v_stream.target_schema)) is null
           then case when not has_database_privilege(current_database(), 'create')
                     then format('grant create on database %I to %I; ', current_database(),
                                 ampsync_private.writer()) end
           when not has_schema_privilege(quote_ident(v_stream.target_schema), 'usage')
             or v_table is null and not has_schema_privilege(quote_ident(v_stream.target_schema), 'create')
           then format('grant usage, create on schema %I to %I; ', v_stream.target_schema, ampsync_private.writer())
           end,
      case when v_table is not null
            and not (has_table_privilege(v_table, 'select') and has_table_privilege(v_table, 'insert')
                     and has_table_privilege(v_table, 'delete'))
           then format('grant select, insert, delete on %s to %I; ', v_table, ampsync_private.writer()) end);
    if v_hint = '' then -- Our own rights suffice: a trigger lacks some.
      v_hint := format('select tgname, tgfoid::regprocedure from pg_trigger '
                       'where tgrelid = %L::regclass and not tgisinternal; ', v_table);
    end if;

  elsif to_regclass(format('%I.%I', v_stream.target_schema, v_stream.target_table)) = v_table then
    -- The table exists: one of its triggers names something without a schema, and writes run with search_path
    -- pg_catalog.
    select string_agg(distinct format('alter function %s set search_path = %I, pg_temp; ',
                                      f.oid::regprocedure, n.nspname), '')
      into v_hint
      from pg_trigger t
      join pg_proc f on f.oid = t.tgfoid
      join pg_namespace n on n.oid = f.pronamespace
     where t.tgrelid = v_table
       and not t.tgisinternal
       and not exists (select 1 from unnest(f.proconfig) c(setting) where c.setting like 'search!_path=%' escape '!');

  elsif v_stream.target is not null then
    select p.hint into v_hint
      from ampsync_private.find_target(p_stream_id) p;
    if v_hint is not null then
      return p_error || jsonb_build_object('hint', v_hint);
    end if;
    return p_error || '{"hint": "The next pass follows the rename automatically: select * from ampsync.streams;"}';
  end if;

  return case when v_hint is null then p_error
              else p_error || jsonb_build_object('hint', v_hint
                     || format('select ampsync.resume_sync(%L);', ampsync_private.stream_label(p_stream_id))) end;
end;
$$;

comment on function ampsync_private.add_hint(bigint, jsonb)
  is 'An error of PostgreSQL about a target, with the statements that help.';
