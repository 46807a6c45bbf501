-- The first table that a query reads, in the SQL of an Amp server: schema part and name, from the
-- first FROM or JOIN of a SELECT with a name of two parts. Its dataset tells where the head of the
-- chain is. The FROM of `extract(epoch from b.timestamp)` and of `x is distinct from b.y` is none.
create or replace function ampsync_private.query_source(
  p_query         text,
  out schema_part text,
  out table_name  text
)
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with token as materialized (
    select t.n, t.kind, t.word, t.source,
           sum(case t.source when '(' then 1 when ')' then -1 else 0 end) over (order by t.n) as depth,
           lag(t.word) over (order by t.n) as word_before,
           array_agg(case t.kind when 'word' then lower(t.source) else t.word end) over following as names,
           array_agg(t.kind) over following as kinds,
           array_agg(t.source) over following as sources
      from ampsync_private.sql_tokens(p_query) t
     where t.kind <> 'space'
    window following as (order by t.n rows between 1 following and 3 following)
  )
  select f.names[1], f.names[3]
    from token f
   where f.kind = 'word'
     and f.word in ('FROM', 'JOIN')
     and f.word_before is distinct from 'DISTINCT'
     and f.kinds[1] in ('word', 'name')
     and f.sources[2] = '.'
     and f.kinds[3] in ('word', 'name')
     and exists (select 1 -- In the same parentheses, if any.
                   from token s
                  where s.kind = 'word'
                    and s.word = 'SELECT'
                    and s.n < f.n
                    and s.depth = f.depth
                    and not exists (select 1
                                      from token o
                                     where o.n between s.n and f.n
                                       and o.depth < f.depth))
   order by f.n
   limit 1;
$$;

comment on function ampsync_private.query_source(text)
  is 'The first table that a query reads: schema part and name, in the SQL of an Amp server.';
