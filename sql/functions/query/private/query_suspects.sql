-- What a query of a table has that Amp servers may refuse in a stream, each once, in the order of
-- its appearance. Which of it, depends on the version of the server: the server decides, and its
-- text is the error.
create or replace function ampsync_private.query_suspects(
  p_query text
)
  returns text[]
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with token as (
    select t.n, t.kind, t.word,
           lead(t.source) over (order by t.n) as next,
           lead(t.word) over (order by t.n) as next_word,
           lag(t.source) over (order by t.n) as before,
           lag(t.word) over (order by t.n) as word_before
      from ampsync_private.sql_tokens(p_query) t
     where t.kind <> 'space'
  ),
  suspect as (
    select t.n, case
             when t.word = 'GROUP' and t.next_word = 'BY' then 'GROUP BY'
             when t.word = 'HAVING' then 'HAVING'
             when t.word = 'DISTINCT' and t.word_before not in ('IS', 'NOT') then 'DISTINCT'
             when t.word = 'OVER' and (t.next = '(' or t.next_word is not null) and t.before = ')'
               then 'window functions'
             when t.word = 'JOIN' and t.word_before in ('LEFT', 'RIGHT', 'FULL', 'CROSS', 'OUTER')
               then t.word_before || ' JOIN'
             when t.word = 'JOIN' then 'JOIN'
             when t.word = 'RECURSIVE' and t.word_before = 'WITH' then 'WITH RECURSIVE'
             when t.word = 'UNION' and t.next_word is distinct from 'ALL' then 'UNION without ALL'
             when t.word in ('EXCEPT', 'INTERSECT') and t.next <> '(' then t.word -- SELECT * EXCEPT (…) is none.
             when t.next = '(' and t.before <> '.' and t.word in (
                    'COUNT', 'SUM', 'MIN', 'MAX', 'AVG', 'MEAN', 'MEDIAN', 'STDDEV', 'VAR', 'ARRAY_AGG', 'STRING_AGG',
                    'BOOL_AND', 'BOOL_OR', 'BIT_AND', 'BIT_OR', 'BIT_XOR', 'FIRST_VALUE', 'LAST_VALUE', 'NTH_VALUE',
                    'APPROX_DISTINCT', 'APPROX_MEDIAN', 'CORR')
               then lower(t.word) || '()' end as what
      from token t
     where t.kind = 'word'
  )
  select coalesce(array_agg(f.what order by f.n), '{}')
    from (select s.what, min(s.n) as n from suspect s where s.what is not null group by s.what) f;
$$;

comment on function ampsync_private.query_suspects(text)
  is 'What a query has that Amp servers may refuse in a stream.';
