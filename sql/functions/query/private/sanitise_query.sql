-- Makes the query of a table fit for a stream, which has no end and no order of its own: removes
-- ORDER BY, LIMIT, OFFSET and FETCH at every level (subqueries, parts of a WITH and of a UNION),
-- and what ampsync appends itself, SETTINGS and the semicolon. An ORDER BY inside OVER (…),
-- WITHIN GROUP (…) or an aggregate, as array_agg(x order by y), means something else and stays.
-- Comments go: one at the end would hide what is appended.
--
-- The query is text here, whatever it contains: it is for the Amp server alone.
--
-- query     what is left; null where there is a fault
-- removed   the clauses, in their order; empty if there are none
-- fault     why it is not one query
create or replace function ampsync_private.sanitise_query(
  p_sql       text,
  out query   text,
  out removed text[],
  out fault   text
)
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  -- Words after which an expression is still to come: no clause begins there, and no function is called so.
  c_open    constant text[] := '{ALL,AND,ANY,AS,BETWEEN,BY,CASE,CROSS,DISTINCT,ELSE,EXCEPT,EXISTS,FILTER,FROM,FULL,
    GROUP,HAVING,ILIKE,IN,INNER,INTERSECT,IS,JOIN,LATERAL,LIKE,MATERIALIZED,NATURAL,NOT,ON,OR,OUTER,OVER,QUALIFY,
    RECURSIVE,SELECT,SOME,THEN,UNION,USING,VALUES,WHEN,WHERE,WINDOW,WITH}';
  c_query   constant text[] := '{SELECT,VALUES,WITH}';
  v_kinds   text[];
  v_words   text[];
  v_sources text[];
  v_spaces  text[];
  v_frames  boolean[] := '{true}'; -- Of each open parenthesis: whether a query is in it.
  v_depth   integer := 1;
  v_skipped integer; -- The depth of the clause that is being removed.
  v_clause  text := '';
  v_out     text := '';
  v_next    integer;
  v_is_end  boolean;
  v_starts  boolean;
  v_is_cut  boolean := false;
  v_ended   boolean := false;
begin
  removed := '{}';
  if length(p_sql) > 16384 then
    fault := format('it has %s characters, more than 16,384', length(p_sql));
    return;
  end if;

  -- Each token with the space before it.
  with token as materialized (
    select t.n, t.kind, t.word, t.source,
           sum((t.kind <> 'space')::integer)
             over (order by t.n rows between unbounded preceding and 1 preceding) as part
      from ampsync_private.sql_tokens(p_sql) t
  ),
  spaced as (
    select coalesce(t.part, 0) as part,
           max(t.n) as n,
           string_agg(case when t.kind <> 'space' then '' when t.source ~ '^(--|/[*])' then ' ' else t.source end, ''
                      order by t.n) as space
      from token t
     group by 1
  )
  select array_agg(t.kind order by t.n), array_agg(t.word order by t.n), array_agg(t.source order by t.n),
         array_agg(s.space order by t.n)
    into v_kinds, v_words, v_sources, v_spaces
    from spaced s
    join token t using (n)
   where t.kind <> 'space';

  if coalesce(v_sources, '{;}') <@ '{;}' then
    fault := 'it is blank';
    return;
  elsif 'open' = any (v_kinds) then
    fault := format('it ends inside quotes or a comment, or has a comment in a comment: %s',
                    left(v_sources[cardinality(v_sources)], 60));
    return;
  end if;

  for i in 1 .. cardinality(v_sources) loop
    if v_ended and v_sources[i] <> ';' then
      fault := format('it is more than one statement: the second one begins with %s', left(v_sources[i], 60));
      return;
    end if;

    if v_sources[i] = '(' then
      v_next := i + 1;
      if not coalesce(v_kinds[i - 1] = 'name' or v_kinds[i - 1] = 'word' and v_words[i - 1] <> all (c_open), false) then
        while v_sources[v_next] = '(' loop -- ((select …) union …)
          v_next := v_next + 1;
        end loop;
      end if;
      v_frames[v_depth + 1] := coalesce(v_kinds[v_next] = 'word' and v_words[v_next] = any (c_query), false);
      v_depth := v_depth + 1;
    elsif v_sources[i] = ')' then
      v_depth := v_depth - 1;
      if v_depth < 1 then
        fault := 'it has a closing parenthesis too many';
        return;
      end if;
      if v_depth < v_skipped then
        v_skipped := null;
      end if;
    elsif v_sources[i] = ';' then
      if v_depth > 1 then
        fault := 'it has a semicolon inside parentheses';
        return;
      end if;
      v_ended := true;
      continue;
    elsif v_kinds[i] = 'word' and v_frames[v_depth] and v_depth = coalesce(v_skipped, v_depth) then
      v_is_end := v_clause in ('LIMIT', 'OFFSET', 'FETCH') and v_skipped is not null -- After LIMIT ALL, for instance.
                  or coalesce(v_kinds[i - 1] in ('name', 'literal') or v_sources[i - 1] in (')', ']')
                              or v_kinds[i - 1] = 'word' and v_words[i - 1] <> all (c_open), false);
      v_starts := v_is_end and case v_words[i]
        when 'ORDER' then v_words[i + 1] = 'BY'
        when 'LIMIT' then true
        when 'OFFSET' then v_kinds[i + 1] = 'literal' or v_sources[i + 1] in ('(', '$', ':', '?', '+', '-')
        when 'FETCH' then v_words[i + 1] in ('FIRST', 'NEXT')
        when 'SETTINGS' then v_depth = 1 and v_sources[i + 2] = '='
        else false end;
      if v_starts then
        v_skipped := v_depth;
        v_clause := v_words[i];
        removed := removed || ''::text;
      elsif v_skipped is not null and v_words[i] in ('UNION', 'EXCEPT', 'INTERSECT') then
        v_skipped := null;
      end if;
    end if;

    if v_skipped is null then
      v_out := v_out || case when v_is_cut and v_spaces[i] = '' and v_kinds[i] <> 'symbol' then ' '
                             else v_spaces[i] end || v_sources[i];
      v_is_cut := false;
    else
      v_is_cut := true;
      removed[cardinality(removed)] := ltrim(removed[cardinality(removed)] || v_spaces[i] || v_sources[i]);
    end if;
  end loop;

  if v_depth > 1 then
    fault := 'it has an opening parenthesis too many';
  elsif v_out !~* '^[[:space:](]*(select|with)([[:space:]("*]|$)' then
    fault := format('it begins with %s, not with SELECT or WITH', left(v_sources[1], 60));
  else
    query := btrim(v_out, E' \t\r\n');
  end if;
end;
$$;

comment on function ampsync_private.sanitise_query(text)
  is 'The query of a table without ORDER BY and LIMIT, what was removed, or why it is not one query.';
