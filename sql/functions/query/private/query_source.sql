-- The first table that a query reads, in the SQL of an Amp server: schema part and name, from the
-- first FROM or JOIN with a name of two parts. Its dataset tells where the head of the chain is.
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
  select s.names[1], s.names[2]
    from (
      select t.n, t.word, t.kind,
             array_agg(case t.kind when 'word' then lower(t.source) else t.word end) over following as names,
             array_agg(t.kind) over following as kinds,
             array_agg(t.source) over following as sources
        from ampsync_private.sql_tokens(p_query) t
       where t.kind <> 'space'
      window following as (order by t.n rows between 1 following and 3 following)
    ) f
   cross join lateral (select array[f.names[1], f.names[3]] as names) s
   where f.kind = 'word'
     and f.word in ('FROM', 'JOIN')
     and f.kinds[1] in ('word', 'name')
     and f.sources[2] = '.'
     and f.kinds[3] in ('word', 'name')
   order by f.n
   limit 1;
$$;

comment on function ampsync_private.query_source(text)
  is 'The first table that a query reads: schema part and name, in the SQL of an Amp server.';
