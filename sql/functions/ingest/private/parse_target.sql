-- The schema and the name of the table that `target` of ampsync.enqueue_http means, written as in SQL;
-- by default `public` and the name of the source, or its namespace and that.
create or replace function ampsync_private.parse_target(
  p_dataset   text,
  p_namespace text,
  p_name      text,
  p_target    text,
  p_source    jsonb,
  out target_schema text,
  out target_table  text
)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[];
begin
  if p_target is null then
    v_parts := array[case p_namespace when '_' then 'public' else p_namespace end, p_name];
  else
    begin
      v_parts := parse_ident(p_target);
    exception
      when invalid_parameter_value then
        null;
    end;
  end if;
  target_schema := v_parts[1];
  target_table := v_parts[2];

  if coalesce(cardinality(v_parts), 0) <> 2
     or octet_length(target_table) not between 1 and 63 or target_table = '_ampsync_checkpoints'
     or ampsync_private.is_reserved_schema(target_schema) then
    raise exception using
      errcode = 'SY004',
      message = format('%s cannot be the target of %s',
                       quote_literal(coalesce(left(p_target, 200), target_schema || '.' || target_table)), p_dataset),
      detail  = 'A target is a table with its schema, written as in SQL, such as public.events. Schemas of PostgreSQL, '
                'of ampsync and of its queue are refused, and names that look like one.',
      hint    = ampsync_private.http_statement(p_dataset, p_source, ampsync_private.target_option('public', p_name));
  end if;
end;
$$;

comment on function ampsync_private.parse_target(text, text, text, text, jsonb)
  is 'The schema and the name of the table that the target of an HTTP source means.';
