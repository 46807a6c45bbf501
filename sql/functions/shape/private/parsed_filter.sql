-- A filter as PostgreSQL understood it, with the columns that it reads: the given text is never used again. SY413
-- where it is none.
--
-- It becomes the predicate of an index on an empty temporary copy of the table, which PostgreSQL refuses for
-- subqueries, other tables, and anything that is not immutable. Before that, without its literals, it is the condition
-- of a view, which is parsed and not planned: what it calls is known before any of it may run with our rights.
--
-- Whoever reads rows by it reads it as text, again and again. So it names nothing that a role which is not trusted
-- could make something else (foreign_call, without_type_names).
--
-- filter   null: all rows
-- columns  null: no filter
create or replace function ampsync_private.parsed_filter(
  in  p_name     text,
  in  p_relation regclass,
  in  p_given    text,
  out filter     text,
  out columns    text[]
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set standard_conforming_strings = on
  set transform_null_equals = off
as $$
declare
  v_copy   text := 'ampsync_' || replace(gen_random_uuid()::text, '-', '');
  v_parsed text := ampsync_private.without_literals(p_given);
  v_hint   text := format('select ampsync.create_shape(%L, %L, filter => ''not archived'');', p_name, p_relation);
  v_tree   text;
  v_calls  text;
  v_enums  oid[];
begin
  if p_given is null then
    return;
  end if;
  if position(';' in p_given) > 0 then
    perform ampsync_private.raise_shape(p_name, 'its filter has a semicolon', 'A filter is one condition.', v_hint);
  elsif v_parsed is null then
    perform ampsync_private.raise_shape(p_name, 'its filter cannot be read',
      'Strings stand in single quotes, with a space before them, and comments behind --.', v_hint);
  end if;
  execute format('create temporary table %I (like %s) on commit drop', v_copy, p_relation);
  begin
    execute format(E'create temporary view %I as select true as is_member from pg_temp.%I where (%s\n)', v_copy || 'v',
                   v_copy, v_parsed);
    v_calls := ampsync_private.foreign_call(format('pg_temp.%I', v_copy || 'v')::regclass);
    if v_calls is null then
      execute format(E'create index %I on pg_temp.%I ((true)) where (%s\n)', v_copy || 'i', v_copy, p_given);
      v_enums := ampsync_private.foreign_enums(format('pg_temp.%I', v_copy || 'i')::regclass);
      filter := ampsync_private.filter_text(format('pg_temp.%I', v_copy || 'i')::regclass);
      if v_enums <> '{}' then
        filter := ampsync_private.without_type_names(filter, format('pg_temp.%I', v_copy)::regclass, v_enums);
      end if;
      if v_enums <> '{}' and filter is not null then -- It means the same so, and PostgreSQL prints it.
        execute format(E'drop index pg_temp.%1$I; create index %1$I on pg_temp.%2$I ((true)) where (%3$s\n)',
                       v_copy || 'i', v_copy, filter);
        filter := ampsync_private.without_type_names(
                    ampsync_private.filter_text(format('pg_temp.%I', v_copy || 'i')::regclass),
                    format('pg_temp.%I', v_copy)::regclass, v_enums);
      end if;
    end if;
  exception
    when others then
      if not ampsync_private.is_error_of_row(sqlstate) then
        raise;
      end if;
      perform ampsync_private.raise_shape(p_name, format('its filter cannot be used: %s', sqlerrm),
        format('SQLSTATE %s. A filter is a condition over the row alone, by functions that are immutable.', sqlstate),
        v_hint);
  end;
  if v_calls is not null then
    perform ampsync_private.raise_shape(p_name, format('its filter uses %s', v_calls),
      'It belongs to a role that is not trusted to run code with the rights of ampsync, or to a schema where such a '
      'role creates.', v_hint);
  elsif filter is null and v_enums <> '{}' then
    perform ampsync_private.raise_shape(p_name, format('its filter names the type %s', format_type(v_enums[1], null)),
      'It belongs to a role that is not trusted, and no column of the table has it.', v_hint);
  end if;

  select i.indpred::text into v_tree
    from pg_index i
   where i.indexrelid = format('pg_temp.%I', v_copy || 'i')::regclass;
  if v_tree is not null then
    select array_agg(distinct a.attname::text) into columns
      from regexp_matches(v_tree, ':varattno (-?[0-9]+)', 'g') m(found)
      join pg_attribute a on a.attrelid = format('pg_temp.%I', v_copy)::regclass and a.attnum = m.found[1]::integer;
    columns := coalesce(columns, '{}');
  end if;
  execute format('drop view pg_temp.%I; drop table pg_temp.%I', v_copy || 'v', v_copy);
  if v_tree ~ ':varattno (0|-)' then
    perform ampsync_private.raise_shape(p_name, 'its filter is over the row as a whole',
      'Columns that come later would change what it means.', v_hint);
  end if;
end;
$$;

comment on function ampsync_private.parsed_filter(text, regclass, text)
  is 'A filter as PostgreSQL understood it, with the columns that it reads; SY413 where it is none.';
