-- A stored condition without the names of types that roles which are not trusted could give to other types: a constant
-- of such an enum takes its type from a column of it instead. Names stand in it as PostgreSQL prints them. Null where
-- there is no such column, or the name stands elsewhere.
--
-- p_types  enums, and arrays of them
create or replace function ampsync_private.without_type_names(
  p_filter   text,
  p_relation regclass,
  p_types    oid[]
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type   record;
  v_tokens text[];
  v_result text := p_filter;
  v_rest   text;
  v_name   text;
  v_named  integer; -- Characters of the name that are still to come.
begin
  for v_type in
    select format_type(t.id, null) as name, min(a.attname) as column_name
      from unnest(p_types) t(id)
      left join pg_attribute a on a.attrelid = p_relation and a.atttypid = t.id and a.attnum > 0 and not a.attisdropped
     group by t.id
     order by length(format_type(t.id, null)) desc -- An array's name begins with that of its elements.
  loop
    v_tokens := ampsync_private.filter_tokens(v_result);
    v_name := '::' || v_type.name;
    v_result := '';
    v_named := 0;
    for i in 1 .. cardinality(v_tokens) loop
      v_rest := array_to_string(v_tokens[i + 1:], '');
      if v_named > 0 then
        v_named := v_named - length(v_tokens[i]);
      elsif v_tokens[i] ~ '^[eE]?''' and starts_with(v_rest, v_name)
            and substr(v_rest, length(v_name) + 1, 1) !~ $re$[[:alnum:]_."\[]$re$ then
        if v_type.column_name is null then
          return null;
        end if;
        v_named := length(v_name);
        v_result := v_result || case
          when v_result ~ $re$WHEN false THEN [^ \n]+\s+ELSE \Z$re$ then v_tokens[i] -- As it was stored before.
          else format('(case when false then %I else %s end)', v_type.column_name, v_tokens[i]) end;
      else
        v_result := v_result || v_tokens[i];
      end if;
    end loop;
    if position(v_name in v_result) > 0 then
      return null;
    end if;
  end loop;
  return v_result;
end;
$$;

comment on function ampsync_private.without_type_names(text, regclass, oid[])
  is 'A stored condition without the names of types that others could give to other types.';
