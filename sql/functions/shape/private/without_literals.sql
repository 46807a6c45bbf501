-- A condition with NULL in the place of each string, of no type as the string was: PostgreSQL finds the same types and
-- functions in it, and makes no value of any. For a literal is made a value as soon as it is parsed: one of an array or
-- range over a domain by the checks of the domain. Null where the text cannot be read so.
--
-- A string behind the name of a type of PostgreSQL's own (date '2026-01-01') stays.
create or replace function ampsync_private.without_literals(
  p_text text
)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tokens text[] := ampsync_private.filter_tokens(p_text);
  v_result text := '';
  v_token  text;
  v_before text[] := '{"", ""}'; -- The last two that are more than white space.
begin
  if v_tokens is null then
    return null;
  end if;
  foreach v_token in array v_tokens loop
    if v_token ~ '^[eE]?''' and lower(array_to_string(v_before, ' ')) !~
         ('(^|[^.]) (date|time|timetz|timestamp|timestamptz|interval|uuid|bytea|numeric|jsonb|inet|cidr)$'
          || '|^time zone$') then
      v_result := v_result || ' null::pg_catalog.unknown';
    else
      v_result := v_result || v_token;
    end if;
    if v_token !~ $re$^([ \t\n\r\f\v]|--)$re$ then
      v_before := array[v_before[2], v_token];
    end if;
  end loop;
  return v_result;
end;
$$;

comment on function ampsync_private.without_literals(text)
  is 'A condition with NULL in the place of each string, so that parsing it runs no code of types.';
