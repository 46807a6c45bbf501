-- A condition in the pieces that PostgreSQL reads: strings, names and numbers, white space and comments, else single
-- characters; together they are the text. For texts with standard_conforming_strings. Null where it is not sure:
-- dollar quotes, comments in /* */, a quote right behind a name, or one that is not closed.
create or replace function ampsync_private.filter_tokens(
  p_text text
)
  returns text[]
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tokens text[];
  v_before text;
  v_token  text;
begin
  select array_agg(m.found[1] order by m.n) into v_tokens
    from regexp_matches(p_text, $re$[ \t\n\r\f\v]+|--[^\n\r]*|[eE]'(?:[^'\\]|\\.|'')*'|[bBxX]?'(?:[^']|'')*'$re$
                                || $re$|"(?:[^"]|"")+"|[^\x01-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]+|.$re$, 'g')
         with ordinality m(found, n);
  foreach v_token in array coalesce(v_tokens, '{}') loop
    if v_token in ('$', '''', '"') or v_token = '*' and v_before = '/'
       -- U&'…' as well.
       or v_token ~ '^[''"]' and v_before ~ $re$[^\x01-\x25\x27-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f]\Z$re$ then
      return null;
    end if;
    v_before := v_token;
  end loop;
  return coalesce(v_tokens, '{}');
end;
$$;

comment on function ampsync_private.filter_tokens(text)
  is 'A condition in the pieces that PostgreSQL reads; null where it is not sure.';
