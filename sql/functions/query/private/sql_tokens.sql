-- Splits a statement in the SQL of an Amp server into its tokens, in order; joined together they
-- are the statement again. Nothing of it is executed or looked up.
--
-- kind    space   white space, or a comment
--         word    a name without quotes or a keyword
--         name    a name in quotes
--         literal text in quotes or between dollar signs, or a number
--         symbol  any other character
--         open    quotes or a comment that never end: the rest of the statement. So are comments
--                 in comments, which some servers end at the first mark and others at the last
-- word    a name without its quotes; another word in upper case
create or replace function ampsync_private.sql_tokens(
  p_sql text
)
  returns table (n integer, kind text, word text, source text)
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_rest  text := p_sql;
  v_parts text[];
  v_tag   text;
begin
  n := 0;
  while v_rest <> '' loop
    n := n + 1;
    v_tag := substring(v_rest from '^[$](?:[[:alpha:]_][[:alnum:]_]*)?[$]');
    if v_tag is not null then
      kind := 'literal';
      source := v_tag || split_part(substr(v_rest, length(v_tag) + 1), v_tag, 1) || v_tag;
      if not starts_with(v_rest, source) then
        kind := 'open';
        source := v_rest;
      end if;
    else
      v_parts := regexp_match(v_rest,
        '^(?:([[:space:]]+|--[^' || chr(10) || chr(13) || ']*|/[*](?:[^*/]|[*]+[^*/]|/+[^/*])*[*]+/)'
        || '|("(?:[^"]|"")+"|`(?:[^`]|``)+`)'
        || E'|([eE]''(?:[^''\\\\]|\\\\.|'''')*'''
        || '|[nNbBxXrR]?''(?:[^'']|'''')*''|[0-9](?:[0-9.]|[eE][+-]?[0-9])*)'
        || '|([[:alpha:]_][[:alnum:]_$]*)|(/(?![*])|[^"''`/]))');
      kind := case when v_parts is null then 'open'
                   when v_parts[1] is not null then 'space'
                   when v_parts[2] is not null then 'name'
                   when v_parts[3] is not null then 'literal'
                   when v_parts[4] is not null then 'word'
                   else 'symbol' end;
      source := coalesce(v_parts[1], v_parts[2], v_parts[3], v_parts[4], v_parts[5], v_rest);
    end if;
    word := case kind when 'word' then upper(source)
                      when 'name' then replace(substr(source, 2, length(source) - 2),
                                               repeat(left(source, 1), 2), left(source, 1)) end;
    return next;
    v_rest := substr(v_rest, length(source) + 1);
  end loop;
end;
$$;

comment on function ampsync_private.sql_tokens(text)
  is 'The tokens of a statement in the SQL of an Amp server.';
